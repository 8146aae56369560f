package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CheckEnvironment checks what a valid site file asks of this machine: that its
// directories can be written and its secrets read by nobody else.
func CheckEnvironment(s *Site) Problems {
	d := &decoder{positions: s.positions}
	d.writable("storage.state", s.Storage.State)
	for i, v := range s.Storage.Volumes {
		d.writable(fmt.Sprintf("storage.volumes[%d].path", i), v.Path)
	}
	for i, v := range s.Devices {
		if v.PasswordFile != "" {
			d.secret(fmt.Sprintf("devices[%d].password_file", i), v.PasswordFile)
		}
	}
	return d.problems
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
		case unix.Access(at, unix.W_OK|unix.X_OK) != nil:
			d.problem(path, at+" cannot be written by this user", "give it to the user that nvr runs as, or name another")
		}
		return
	}
}

// secret checks a password file.
func (d *decoder) secret(path, file string) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		d.problem(path, err.Error(), "write the password into it, mode 0600")
	case !info.Mode().IsRegular():
		d.problem(path, file+" is not a file", "write the password into a file, mode 0600")
	case info.Mode().Perm()&0o007 != 0:
		d.problem(path, file+" can be read by everybody", "chmod 600 "+file)
	case unix.Access(file, unix.R_OK) != nil:
		d.problem(path, file+" cannot be read by this user", "give it to the user that nvr runs as")
	}
}
