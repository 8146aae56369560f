package firewall

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Note says who opened the camera side, when and why. While it lies in the
// state directory, the daemon obeys it instead of enforcing (C1).
type Note struct {
	Who  string    `json:"who"`
	When time.Time `json:"when"`
	Why  string    `json:"why"`
}

const (
	armedMark    = "armed"         // this box was armed once: observing is over for good
	disarmedMark = "disarmed.json" // the note
	noteLimit    = 64 << 10
)

// errNoState guards against marks being written into the working directory.
var errNoState = errors.New("no state directory was given")

// publish writes a mark so that it is there whole or not at all, also after a power cut.
func publish(dir, name string, content []byte) (err error) {
	if dir == "" {
		return errNoState
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	f, err := os.CreateTemp(dir, name+".*.tmp")
	if err != nil {
		return fmt.Errorf("write mark %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = giveTo(dir, f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write mark %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("publish mark %s: %w", name, err)
	}
	return syncDir(dir)
}

// giveTo gives a file to whom its directory belongs: what root makes when it
// arms at boot, the daemon must be able to open later.
func giveTo(dir string, f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var owner, have unix.Stat_t
	if err := errors.Join(unix.Stat(dir, &owner), unix.Fstat(int(f.Fd()), &have)); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if have.Uid == owner.Uid && have.Gid == owner.Gid {
		return nil
	}
	if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("give %s to the user of %s: %w", f.Name(), dir, err)
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

func markArmed(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, armedMark)); err == nil {
		return nil
	}
	return publish(dir, armedMark, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"))
}

// disarmNote reads the note; ok is false where there is none. A note that
// cannot be read is no note: it would open the box on a disk error.
func disarmNote(dir string) (n Note, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, disarmedMark))
	if errors.Is(err, os.ErrNotExist) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fmt.Errorf("read the disarming note: %w", err)
	}
	if len(b) > noteLimit {
		return n, false, fmt.Errorf("read the disarming note: %d bytes, at most %d", len(b), noteLimit)
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return n, false, fmt.Errorf("read the disarming note: %w", err)
	}
	if n.Who == "" || n.Why == "" {
		return n, false, errors.New("read the disarming note: it does not say who and why")
	}
	return n, true, nil
}

func leaveNote(dir string, n Note) error {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return fmt.Errorf("write the disarming note: %w", err)
	}
	return publish(dir, disarmedMark, append(b, '\n'))
}

func removeNote(dir string) error {
	err := os.Remove(filepath.Join(dir, disarmedMark))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the disarming note: %w", err)
	}
	return syncDir(dir)
}
