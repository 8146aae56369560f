package firewall

import "github.com/stockade-nvr/stockade/internal/proof"

// JudgeNote tells whether a note would be obeyed.
func JudgeNote(key *proof.Key, site, state string, b []byte) (Note, bool) {
	n, _, err := notary{state, func() (*proof.Key, error) { return key, nil }, func() string { return site }}.parse(b)
	return n, err == nil
}
