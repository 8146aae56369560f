package streams_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/streams"
)

// TestBarren: a camera that sends packets which make no picture is not playing,
// be it so from the first packet on or from the middle of a run, and the gap
// says what is wrong (S6). Once it is mended footage comes again.
func TestBarren(t *testing.T) {
	noSPS := []byte{0x67, 0x42, 0x00}
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		says  []string
	}{
		"forbidden bit": {func(u []byte) []byte { return []byte{u[0] | 0x80, 1, 2, 3} }, []string{"forbidden bit", "sequence"}},
		"unusable SPS": {func(u []byte) []byte {
			if u[0] == 0x67 {
				return noSPS
			}
			return u
		}, []string{"SPS"}},
		"no random access": {func(u []byte) []byte {
			if u[0] == 0x65 {
				u = bytes.Clone(u)
				u[0] = 0x41
			}
			return u
		}, []string{"no random access unit"}},
	} {
		for _, when := range []string{"before", "during"} {
			if name == "no random access" && when == "during" {
				continue // a picture that refers to others is one
			}
			t.Run(name+"/"+when, func(t *testing.T) {
				t.Parallel()
				rec, cam := newRecorder(t), startCamera(t)
				o := cam.options(rec)
				o.Barren = 2 * time.Second
				if when == "before" {
					cam.set(func() { cam.spoil = c.spoil })
				}
				s, _ := run(t, o)
				if when == "during" {
					rec.await("parts", func() bool { return rec.parts >= 2 })
					cam.set(func() { cam.spoil = c.spoil })
				}
				rec.await("the gap", func() bool { return len(rec.downs) >= 2 })
				d := rec.down(1)
				if d.Cause != streams.CauseProtocol || !strings.Contains(d.Detail, "make no access unit") {
					t.Errorf("down: %+v", d)
				}
				for _, says := range c.says {
					if !strings.Contains(d.Detail, says) {
						t.Errorf("the detail does not say %q: %s", says, d.Detail)
					}
				}
				if st := s.Status(); st.Playing && when == "before" {
					t.Errorf("status: %+v", st)
				}
				rec.mu.Lock()
				parts := rec.parts
				rec.mu.Unlock()
				cam.set(func() { cam.spoil = nil })
				rec.await("footage after the cure", func() bool { return rec.parts > parts })
			})
		}
	}
}
