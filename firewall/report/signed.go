package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// list is the name of the list whose only record a report is.
const list = "firewall/report"

// MaxBytes is the most that a signed report takes as text.
const MaxBytes = 32 << 20

// ErrChanged says that a report is not what was signed.
var ErrChanged = errors.New("the report is not what the recorder signed")

// signed is a report as it is handed out: the report's own bytes and the head of
// a list of one record, which is the report. Every byte is covered: a file
// that is not written exactly so is refused.
type signed struct {
	Report json.RawMessage `json:"report"`
	Head   json.RawMessage `json:"head"`
}

// Sign writes a report with its signature, as one line of JSON and a line feed.
func Sign(r Report, key *proof.Key, now time.Time) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil { // a time beyond year 9999
		return nil, fmt.Errorf("write the report: %w", err)
	}
	head := key.Sign(list, 1, proof.Link(proof.Genesis(list), 1, body), now)
	return envelope(body, head.Encode())
}

func envelope(body, head []byte) ([]byte, error) {
	text, err := json.Marshal(signed{body, head})
	return append(text, '\n'), err
}

// Verify checks a signed report, or its page, with the site's public key, and gives it
// with the time of its signature. ErrChanged: a byte of it was changed; proof.ErrOtherKey
// and proof.ErrSignature as proof.Public.Check has them.
func Verify(text []byte, public proof.Public) (Report, proof.Head, error) {
	if IsPage(text) && len(text) <= MaxBytes {
		return verifyPage(text, public)
	}
	r, head, err := parse(text)
	if err != nil {
		return Report{}, head, err
	}
	if err := public.Check(head); err != nil {
		return Report{}, head, err
	}
	return r, head, nil
}

// parse reads a signed report and checks all but whose the signature is.
func parse(text []byte) (Report, proof.Head, error) {
	var s signed
	if len(text) > MaxBytes {
		return Report{}, proof.Head{}, fmt.Errorf("read the report: it has more than %d bytes", MaxBytes)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return Report{}, proof.Head{}, fmt.Errorf("read the report: %w: %w", ErrChanged, err)
	}
	head, err := proof.ParseHead(s.Head)
	if err != nil {
		return Report{}, proof.Head{}, fmt.Errorf("read the report: %w: %w", ErrChanged, err)
	}
	if again, err := envelope(s.Report, s.Head); err != nil || !bytes.Equal(again, text) {
		return Report{}, head, fmt.Errorf("read the report: %w: it is not written the way reports are", ErrChanged)
	}
	if head.List != list || head.Seq != 1 || head.Hash != proof.Link(proof.Genesis(list), 1, s.Report) {
		return Report{}, head, fmt.Errorf("check the report: %w", ErrChanged)
	}
	var r Report
	if err := json.Unmarshal(s.Report, &r); err != nil {
		return Report{}, head, fmt.Errorf("read the report: %w: %w", ErrChanged, err)
	}
	return r, head, nil
}
