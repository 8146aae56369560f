package firewall

import (
	"os"
	"path/filepath"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// JudgeNote lays a note and tells whether it would be obeyed.
func JudgeNote(key *proof.Key, site, state string, b []byte) (Note, bool) {
	if err := os.WriteFile(filepath.Join(state, disarmedMark), b, 0o600); err != nil {
		panic(err)
	}
	n, ok, _, _ := notary{state, func() (*proof.Key, error) { return key, nil }, func() string { return site }}.read() // refused is what is asked for
	return n, ok
}
