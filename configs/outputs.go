package configs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// Output is a receiver of what the journal has: syslog over TCP or TLS.
type Output struct {
	ID     string
	To     string // HOST:PORT, never on the camera side
	TLS    bool
	Format string // cef or zeek
	CAFile string // PEM; empty: the system's authorities
	// CertificateFile and KeyFile say who we are, where the receiver asks; both or neither.
	CertificateFile, KeyFile string
}

func (d *decoder) output(path string, n ast.Node) Output {
	v := Output{Format: "cef"}
	transport := "tls"
	d.mapping(path, n,
		text(d, "id", &v.ID),
		text(d, "to", &v.To),
		oneOf(d, "transport", &transport, "tls", "tcp"),
		oneOf(d, "format", &v.Format, "cef", "zeek"),
		text(d, "ca_file", &v.CAFile),
		text(d, "certificate_file", &v.CertificateFile),
		text(d, "key_file", &v.KeyFile),
	)
	v.TLS = transport == "tls"
	return v
}

func (d *decoder) validateOutputs(s *Site) {
	ids := map[string]string{}
	for i, v := range s.Outputs {
		at := fmt.Sprintf("outputs[%d]", i)
		d.id(ids, at+".id", v.ID)
		d.receiver(s, at+".to", v.To)
		for key, file := range map[string]string{"ca_file": v.CAFile, "certificate_file": v.CertificateFile, "key_file": v.KeyFile} {
			switch {
			case file == "":
			case !v.TLS:
				d.problem(at+"."+key, "there are no certificates without TLS", "remove it, or write transport: tls")
			default:
				d.absolute(at+"."+key, file, "/etc/nvr/"+v.ID+".crt")
			}
		}
		if (v.CertificateFile == "") != (v.KeyFile == "") {
			d.problem(at, "certificate_file and key_file go together", "give both or neither")
		}
	}
}

// receiver checks where an output goes: the recorder dials cameras only on the
// camera side. What a name leads to is looked at when it is dialled.
func (d *decoder) receiver(s *Site, path, to string) {
	const example = "write HOST:PORT such as siem.camp.example:6514"
	if to == "" {
		if d.clean(path) {
			d.problem(path, "the receiver has no address", example)
		}
		return
	}
	host, port, err := net.SplitHostPort(to)
	if err != nil || !portNumber(port) {
		d.problem(path, strconv.Quote(to)+" is not an address and a port", example)
		return
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil && (len(host) > 253 || !hostForm.MatchString(host)):
		d.problem(path, fmt.Sprintf("%q is neither an address nor a host name", host), example)
	case err == nil && s.CameraNetwork.has(ip.Unmap()):
		d.problem(path, ip.String()+" is on the camera side, where the recorder dials cameras only", "name a receiver on the other side")
	case err == nil && (sinkholeRange.Contains(ip.Unmap()) || ip.IsUnspecified() || ip.IsMulticast()):
		d.problem(path, ip.String()+" is no receiver's address", example)
	}
}
