package report

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/proof"
)

// hostile is a report whose every text wants to be markup.
func hostile(t *testing.T) ([]byte, *proof.Key) {
	t.Helper()
	at := time.Date(2026, 11, 3, 15, 0, 0, 0, time.UTC)
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'`
	key, err := proof.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := Sign(Report{
		Version: 1, Site: evil, Zone: "Asia/Seoul", Made: at.AddDate(0, 0, 7), From: at, To: at.AddDate(0, 0, 7),
		Devices: []Device{{Device: evil, Cameras: []string{evil}, Attempts: []Attempt{{Host: evil, Reason: "egress", Protocol: evil, Destination: evil, First: at, Last: at, Rest: true}}}},
		Proof: Proof{
			State: "contained", Since: at, States: []Stretch{{From: at, To: at.AddDate(0, 0, 3), State: "contained", Why: evil, Proofs: 4320}, {From: at.AddDate(0, 0, 4), To: at.AddDate(0, 0, 6), State: "degraded"}},
			Canary:  &Canary{At: at, Paths: []Path{{ID: evil, Outcome: "leaked", Detail: evil}, {ID: "udp4", Outcome: "stopped"}}, Reasons: []string{evil}},
			Changes: []Change{{Found: evil, Done: "repaired"}}, Disarms: []Disarm{{Who: evil, Why: evil}}, Alarms: []string{evil}, Findings: []string{evil}, Unseen: []string{evil},
		},
	}, key, at)
	if err != nil {
		t.Fatal(err)
	}
	return text, key
}

// A page says what was signed, in both languages, whatever devices call themselves;
// and each changed byte is found, in what it shows as well as in what it carries.
func TestAPageSaysWhatWasSigned(t *testing.T) {
	text, key := hostile(t)
	for language, want := range map[string][]string{
		English: {`<html lang="en">`, "Contained: enforced, and proved each minute", "42.857 %", "28.571 %", "Not known: nobody looked", "2026-11-04 00:00:00 &#43;09:00", "2 paths tried, 1 stopped", "4320"},
		Korean:  {`<html lang="ko">`, "격리됨", "42.857 %", "유출", "기간 보고서"},
	} {
		page, err := Page(text, language)
		if err != nil || !IsPage(page) {
			t.Fatal(err)
		}
		for _, w := range want {
			if !bytes.Contains(page, []byte(w)) {
				t.Errorf("%s: no %q", language, w)
			}
		}
		if n := strings.Count(string(page), "<script"); n != 1 || bytes.Contains(page, []byte("<img")) {
			t.Errorf("%s: %d scripts, or an image", language, n)
		}
		r, head, err := Verify(page, key.Public())
		if err != nil || r.Zone != "Asia/Seoul" || head.Seq != 1 {
			t.Errorf("%s: %v", language, err)
		}
		for i := 0; i < len(page); i += 7 {
			changed := bytes.Clone(page)
			changed[i] ^= 1
			if _, _, err := Verify(changed, key.Public()); err == nil {
				t.Fatalf("%s: byte %d was changed, %q, and nobody says so", language, i, page[i])
			}
		}
	}
	other, err := proof.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	page, err := Page(text, English)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Verify(page, other.Public()); !errors.Is(err, proof.ErrOtherKey) {
		t.Errorf("with another key: %v", err)
	}
}

// Both languages have the same texts, and none is empty.
func TestWordsAreWhole(t *testing.T) {
	en, ko := english(), korean()
	if a, b := slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(ko)); !slices.Equal(a, b) {
		t.Errorf("%q\n%q", a, b)
	}
	for _, words := range []map[string]string{en, ko} {
		for key, text := range words {
			if text == "" {
				t.Errorf("%s is empty", key)
			}
		}
	}
}
