package outguard

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/stockade-nvr/stockade/internal/durable"
)

// note says which programs are ours: of others' than root, the kernel tells
// the numbers only. It lies in a file that root writes.
type note struct {
	Boot   string `json:"boot"`   // of this boot: numbers begin anew with the next
	Out    uint32 `json:"out"`    // drops at the way out what came in by Inside
	In     uint32 `json:"in"`     // at the ports: ends traffic control before its first filter
	Hold   uint32 `json:"hold"`   // on the bridge: keeps XDP off the ports
	Inside []int  `json:"inside"` // numbers of the cameras' interfaces
	// Giving are those that are being replaced: noted before anything is attached, so
	// that at no moment anybody takes a program of ours for another's.
	Giving []uint32 `json:"giving,omitempty"`
}

// noteBytes bounds the file: a thousand interfaces are 8 KiB.
const noteBytes = 64 << 10

// readNote gives what was attached since this boot; nothing where nothing was.
func readNote(file string) note {
	var n note
	if file == "" {
		return n
	}
	text, err := durable.Read(file, noteBytes)
	if err != nil || json.Unmarshal(text, &n) != nil || n.Boot != bootID() {
		return note{}
	}
	return n
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // unreadable, it is the same each time
	return strings.TrimSpace(string(b))
}

func (n note) write(file string) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("note the guard's programs: %w", err)
	}
	// Open for reading: the daemon checks the guard and is not root.
	if err := durable.Replace(file, text, func(f *os.File) error { return f.Chmod(0o644) }); err != nil {
		return fmt.Errorf("note the guard's programs: %w", err)
	}
	return nil
}

// all are the programs that a note has.
func (n note) all() []uint32 {
	if n.Out == 0 {
		return nil
	}
	return append([]uint32{n.Out, n.In, n.Hold}, n.Giving...)
}
