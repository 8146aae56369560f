package firewall

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stockade-nvr/stockade/internal/durable"
)

const (
	armedMark    = "armed"         // this box was armed once: observing is over for good
	disarmedMark = "disarmed.json" // the note
	markBytes    = 64              // a time
)

// errNoState guards against marks being written into the working directory.
var errNoState = errors.New("no state directory was given")

// publish writes a mark so that it is there whole or not at all, also after a power
// cut, and gives it to whom the state directory belongs: what a command makes
// there, the daemon must be able to read.
func publish(dir, name string, content []byte) (err error) {
	if dir == "" {
		return errNoState
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write mark %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	give := func(f *os.File) error { return durable.GiveToOwner(root, f) }
	if err := durable.ReplaceIn(root, name, content, give); err != nil {
		return fmt.Errorf("write mark %s: %w", name, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the state directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the state directory: %w", err)
	}
	return nil
}

// wasArmed reports whether this box ever enforced. Where it cannot tell, it did.
func wasArmed(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, armedMark))
	return !errors.Is(err, os.ErrNotExist)
}

// FirstArmed is when a box was armed for the first time, by its state directory; zero where that is not known.
func FirstArmed(dir string) time.Time {
	b, err := durable.Read(filepath.Join(dir, armedMark), markBytes)
	if err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(b)))
	if err != nil {
		return time.Time{}
	}
	return t
}

func markArmed(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, armedMark)); err == nil {
		return nil
	}
	return publish(dir, armedMark, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"))
}
