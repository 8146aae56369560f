package storage_test

import (
	"strings"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// block has calls of an operation under a path wait until release is closed.
func block(fsys *vfs.Fault, op, under string, release <-chan struct{}) {
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op == op && strings.HasPrefix(c.Name, under) {
			<-release
		}
		return nil
	})
}

// failing has calls of an operation under a path fail.
func failing(fsys *vfs.Fault, op, under string, err error) {
	fsys.SetHook(func(c vfs.Call) error {
		if c.Op == op && strings.HasPrefix(c.Name, under) {
			return err
		}
		return nil
	})
}
