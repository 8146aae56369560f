package configs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CheckEnvironment checks what a valid site file asks of this machine: that its
// directories can be written, its secrets read, and by nobody else, that its
// certificate and key belong together, and that its ports are there. It makes an
// empty directory in each place and removes it. What recording and containment
// need comes first; the rest is marked as Faces.
func CheckEnvironment(s *Site) Problems {
	d := &decoder{positions: s.positions}
	for i, v := range s.Storage.Volumes {
		d.writable(fmt.Sprintf("storage.volumes[%d].path", i), v.Path)
	}
	for i, v := range s.Devices {
		if v.PasswordFile != "" {
			d.secret(fmt.Sprintf("devices[%d].password_file", i), v.PasswordFile)
		}
	}
	for i, p := range s.CameraNetwork.Ports {
		d.port(i, p)
	}
	return append(d.problems, checkFaces(s)...)
}

// checkFaces checks what only people need.
func checkFaces(s *Site) Problems {
	d := &decoder{positions: s.positions}
	d.writable("storage.state", s.Storage.State)
	d.socket(s.Storage.State)
	for i, v := range s.Accounts.SSO {
		at := fmt.Sprintf("accounts.sso[%d]", i)
		if v.ClientSecretFile != "" {
			d.secret(at+".client_secret_file", v.ClientSecretFile)
		}
		if v.CAFile != "" {
			d.authorities(at+".ca_file", v.CAFile)
		}
	}
	d.database("owners.country", s.Owners.Country)
	d.database("owners.network", s.Owners.Network)
	if s.TLS.CertificateFile != "" {
		d.pair("tls", s.TLS.CertificateFile, s.TLS.KeyFile)
	}
	for i, v := range s.Outputs {
		at := fmt.Sprintf("outputs[%d]", i)
		if v.CAFile != "" {
			d.authorities(at+".ca_file", v.CAFile)
		}
		if v.CertificateFile != "" {
			d.pair(at, v.CertificateFile, v.KeyFile)
		}
	}
	for i := range d.problems {
		d.problems[i].Faces = true
	}
	return d.problems
}

// mmdbMark stands in front of the metadata of an MMDB file, and mmdbEnd is how much
// of its end may be metadata, in bytes (MaxMind DB file format, 2.0).
const (
	mmdbMark = "\xab\xcd\xefMaxMind.com"
	mmdbEnd  = 128 << 10
)

// database checks that a file is there and is an MMDB. nvr reads it whole and says
// what is wrong within.
func (d *decoder) database(path, file string) {
	if file == "" {
		return
	}
	const fix = "put an MMDB file there, readable for the user that nvr runs as, or take the line out"
	info, err := os.Stat(file)
	switch {
	case err != nil:
		d.problem(path, err.Error(), fix)
		return
	case !info.Mode().IsRegular():
		d.problem(path, file+" is not a file", fix)
		return
	}
	f, err := os.Open(file)
	if err != nil {
		d.problem(path, err.Error(), fix)
		return
	}
	defer f.Close()
	end := make([]byte, min(info.Size(), mmdbEnd))
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		d.problem(path, err.Error(), fix)
	} else if !bytes.Contains(end, []byte(mmdbMark)) {
		d.problem(path, file+" is no MMDB file, or not whole", fix)
	}
}

// port checks that an interface exists.
func (d *decoder) port(i int, name string) {
	if _, err := net.InterfaceByName(name); err != nil {
		path := fmt.Sprintf("camera_network.ports[%d]", i)
		if !d.has(path) {
			path = "camera_network.interface"
		}
		d.problem(path, "this machine has no interface "+name, "write a name that ip link shows")
		d.problems[len(d.problems)-1].Absent = true
	}
}

// writable checks a directory, or the nearest one above it that exists.
func (d *decoder) writable(path, dir string) {
	at := dir
	for {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			at = filepath.Dir(at)
			continue
		case err != nil:
			d.problem(path, err.Error(), "give a directory that can be reached")
		case !info.IsDir():
			d.problem(path, at+" is not a directory", "give a directory")
		default:
			d.takes(path, at)
		}
		return
	}
}

// maxState leaves room in the path of a socket (107 bytes, sun_path) for its name.
const maxState = 107 - len("/nvr.sock")

// socket checks that commands on the box can reach the recorder.
func (d *decoder) socket(state string) {
	if n := len(filepath.Clean(state)); n > maxState {
		d.problem("storage.state", fmt.Sprintf("%d bytes are more than %d, so that nvr.sock in it cannot be reached", n, maxState), "name a shorter one")
	}
}

// takes tries whether something can be made in a directory: root is permitted
// everything, also where the file system takes nothing.
func (d *decoder) takes(path, dir string) {
	made, err := os.MkdirTemp(dir, ".nvr-check-*")
	if err == nil {
		err = os.Remove(made)
	}
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		d.problem(path, fmt.Sprintf("%s cannot be written by this user (%v)", dir, cause.Err), "give it to the user that nvr runs as, or name another")
	}
}

// secret checks the file of a password or key.
func (d *decoder) secret(path, file string) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		d.problem(path, err.Error(), "write the password into it, readable for the user that nvr runs as and nobody else: with the package owner root, group nvr, mode 0640")
	case !info.Mode().IsRegular():
		d.problem(path, file+" is not a file", "write the password into a file, readable for the user that nvr runs as and nobody else: with the package owner root, group nvr, mode 0640")
	case info.Mode().Perm()&0o007 != 0:
		d.problem(path, file+" can be read by everybody", "chmod 600 "+file)
	case unix.Access(file, unix.R_OK) != nil:
		d.problem(path, file+" cannot be read by this user", "give it to the user that nvr runs as")
	}
}

// pair checks the files of a certificate of ours. That it has expired is no reason
// not to record: it is told while nvr runs.
func (d *decoder) pair(at, certificateFile, keyFile string) {
	before := len(d.problems)
	certificate := d.text(at+".certificate_file", certificateFile, "put the certificate there, in PEM, the leaf first")
	d.secret(at+".key_file", keyFile)
	if len(d.problems) > before {
		return
	}
	key := d.text(at+".key_file", keyFile, "put the certificate's key there, in PEM")
	if len(d.problems) > before {
		return
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		d.problem(at+".certificate_file", err.Error(), "put a certificate and the key that it was made for there, both in PEM")
	}
}

// maxPEM is as much as the recorder reads of such a file; a long chain has 20 KiB.
const maxPEM = 1 << 20

// text reads a file as the recorder will: only one that is a file, and only so much.
func (d *decoder) text(path, file, fix string) []byte {
	info, err := os.Stat(file)
	var content []byte
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a file", file)
	case err == nil && info.Size() > maxPEM:
		err = fmt.Errorf("%s has more than %d bytes", file, maxPEM)
	case err == nil:
		content, err = os.ReadFile(file)
	}
	if err != nil {
		d.problem(path, err.Error(), fix)
	}
	return content
}

// authorities checks a file of authorities.
func (d *decoder) authorities(path, file string) {
	before := len(d.problems)
	content := d.text(path, file, "put the authority there, in PEM")
	switch {
	case len(d.problems) > before:
	case !x509.NewCertPool().AppendCertsFromPEM(content):
		d.problem(path, file+" holds no certificate", "put the authority there, in PEM")
	}
}
