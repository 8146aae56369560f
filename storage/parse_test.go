package storage

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testSegment(i int) Segment {
	m := SegmentMeta{
		Camera: "gate", Stream: "main", Run: "0a1b2c3d",
		Start: time.Date(2026, 11, 23, 14, 5, 0, 123456789, time.UTC).Add(time.Duration(i) * time.Minute),
	}
	return Segment{
		SegmentMeta: m, End: m.Start.Add(time.Minute), Volume: "v", Path: m.path(), Bytes: int64(1000 + i),
		State: Sealed, SHA256: [32]byte{1, byte(i)},
	}
}

func testLedger(t testing.TB) ([]byte, ledgerHead) {
	t.Helper()
	at := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	lines := []ledgerLine{
		segmentLine(lineSealed, testSegment(0), at),
		segmentLine(lineRecovered, testSegment(1), at),
		gapLine(Gap{Camera: "gate", Stream: "main", From: at, Reason: ReasonAuth, Detail: "401 <&>\n\"quoted\""}, at),
		gapLine(Gap{Camera: "gate", Stream: "main", From: at, To: at.Add(time.Hour), Reason: ReasonAuth}, at),
		segmentLine(lineDeleted, testSegment(0), at),
		{Kind: lineHold, At: at, Camera: "gate", Start: at, End: at.Add(time.Hour)},
	}
	w, head, err := writeLines(ledgerHead{hash: genesis("v", "gate")}, "gate", lines, at)
	if err != nil {
		t.Fatal(err)
	}
	return w.lines, head
}

func TestLedgerLines(t *testing.T) {
	content, head := testLedger(t)
	start := genesis("v", "gate")
	var got []ledgerLine
	s := scanLedger(content, &start, func(l ledgerLine) { got = append(got, l) })
	if s.good != int64(len(content)) || s.hash != head.hash || s.damaged != 0 || len(got) != 6 {
		t.Fatalf("%+v, %d lines", s, len(got))
	}
	seg, err := got[0].segment("v")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testSegment(0), seg); diff != "" {
		t.Error(diff)
	}
	if g := got[2].gap(); g.Detail != "401 <&>\n\"quoted\"" || !g.To.IsZero() {
		t.Errorf("%+v", g)
	}
}

func TestLedgerDamage(t *testing.T) {
	content, _ := testLedger(t)
	start := genesis("v", "gate")
	lines := bytes.SplitAfter(content, []byte("\n"))
	other := genesis("v", "yard")
	for _, tc := range []struct {
		name    string
		content []byte
		start   [32]byte
		good    int // lines
		damaged int
	}{
		{"whole", content, start, 6, 0},
		{"empty", nil, start, 0, 0},
		{"torn last line", content[:len(content)-7], start, 5, 0},
		{"zeros behind", append(bytes.Clone(content), make([]byte, 100)...), start, 6, 0},
		{"zeros in the last line", append(bytes.Clone(content[:len(content)-9]), make([]byte, 9)...), start, 5, 0},
		{"flipped bit", bytes.Replace(content, []byte("1001"), []byte("1003"), 1), start, 5, 2}, // it, and the next does not follow
		{"line taken out", bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil), start, 3, 1},
		{"another camera's", content, other, 6, 1},
		{"only junk", []byte("junk\njunk\n"), start, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := 0
			s := scanLedger(tc.content, &tc.start, func(ledgerLine) { n++ })
			if n != tc.good || s.damaged != tc.damaged {
				t.Errorf("%d good lines, %d damaged; want %d, %d", n, s.damaged, tc.good, tc.damaged)
			}
		})
	}
}

func TestLedgerLineRefuses(t *testing.T) {
	seg := testSegment(0)
	for name, change := range map[string]func(*ledgerLine){
		"path out of the volume": func(l *ledgerLine) { l.Path = "../../../etc/passwd" },
		"absolute path":          func(l *ledgerLine) { l.Path = "/" + l.Path },
		"camera":                 func(l *ledgerLine) { l.Camera = "yard" },
		"negative bytes":         func(l *ledgerLine) { l.Bytes = -1 },
		"end before start":       func(l *ledgerLine) { l.End = seg.Start.Add(-1) },
		"end never":              func(l *ledgerLine) { l.End = time.Time{} },
		"gap's stream":           func(l *ledgerLine) { l.Kind, l.Stream = lineGap, "../x" },
	} {
		l := segmentLine(lineSealed, seg, seg.End)
		change(&l)
		b, _, err := appendLine(nil, l, [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseLine(bytes.TrimSuffix(b, []byte("\n"))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The day of a ledger does not go back with the clock (S7).
func TestLedgerDay(t *testing.T) {
	at := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	lines := []ledgerLine{segmentLine(lineSealed, testSegment(0), at)}
	head := ledgerHead{hash: genesis("v", "gate")}
	var days []string
	for _, now := range []time.Time{at, at.Add(time.Hour), at, at.Add(-48 * time.Hour), at.Add(2 * time.Hour)} {
		w, next, err := writeLines(head, "gate", lines, now)
		if err != nil {
			t.Fatal(err)
		}
		days = append(days, w.day)
		if w.day == head.day && w.offset != head.size || w.day != head.day && w.offset != 0 {
			t.Errorf("write at %d of %s behind %+v", w.offset, w.day, head)
		}
		head = next
	}
	want := []string{"2026-11-23", "2026-11-24", "2026-11-24", "2026-11-24", "2026-11-24"}
	if diff := cmp.Diff(want, days); diff != "" {
		t.Error(diff)
	}
}

func testCheckpoint(t testing.TB) *checkpoint {
	lines, head := testLedger(t)
	return &checkpoint{
		volume: "0123456789abcdef", sequence: 77, at: time.Unix(1795444000, 5).UTC(),
		clock: clockState{-90 * time.Minute, time.Unix(1795440000, 7).UTC()},
		open: []openSegment{
			{testSegment(1).SegmentMeta, 4096, testSegment(1).End},
			{testSegment(2).SegmentMeta, 0, time.Time{}},
		},
		volumes: []volumeRef{{"0123456789abcdef", "/v"}, {"fedcba9876543210", "/w"}},
		heads:   map[string]ledgerHead{"gate": head},
		writes:  []ledgerWrite{{"gate", head.day, 12, lines}},
	}
}

func TestCheckpoint(t *testing.T) {
	want := testCheckpoint(t)
	b := want.encode()
	got, err := decodeCheckpoint(append(b, "left over from a longer one"...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(checkpoint{}, clockState{}, volumeRef{}, openSegment{}, ledgerHead{}, ledgerWrite{})); diff != "" {
		t.Error(diff)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := decodeCheckpoint(bad); err == nil {
			t.Fatalf("taken with byte %d changed", i)
		}
		if _, err := decodeCheckpoint(b[:i]); err == nil {
			t.Fatalf("taken with %d bytes of %d", i, len(b))
		}
	}
}

func TestPaths(t *testing.T) {
	m := testSegment(0).SegmentMeta
	const p = "gate/main/2026-11-23/14/20261123T140500.123456789Z-0a1b2c3d.mp4"
	if m.path() != p {
		t.Errorf("path %s", m.path())
	}
	got, err := parsePath(p)
	if err != nil || got != m {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{
		"", "gate", "/" + p, p + "/", "../" + p, strings.Replace(p, "/14/", "/15/", 1), strings.Replace(p, "0a1b", "0A1B", 1),
		strings.Replace(p, "main", "ledger", 1), strings.Replace(p, ".mp4", ".mp4.mp4", 1), strings.Replace(p, "gate", "..", 1),
	} {
		if _, err := parsePath(bad); err == nil {
			t.Errorf("%q: taken", bad)
		}
	}
}

func FuzzLedgerLine(f *testing.F) {
	content, _ := testLedger(f)
	for line := range bytes.Lines(content) {
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	f.Add([]byte(`{"kind":"sealed","crc":"00000000"}`))
	at := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	held := Hold{ID: "0123456789abcdef", Camera: "gate", From: at, To: at.Add(time.Hour), By: "kim", Why: "theft <&>", Created: at, Expires: at.Add(time.Hour)}
	for _, l := range []holdLine{{Hold: held}, {held, &HoldEnd{At: at, By: "lee", Why: "closed"}}} {
		line, _, err := appendLine(nil, l.ledgerLine(), [32]byte{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// The checksum is made right, so that what is behind it is reached.
		if n := len(b) - len(crcSuffix); n > 0 {
			fixed := append(bytes.Clone(b[:n]), crcLine(b[:n])...)
			checkLine(t, fixed)
		}
		checkLine(t, b)
	})
}

func checkLine(t *testing.T, b []byte) {
	l, err := parseLine(b)
	if err != nil {
		return
	}
	batch := &batch{}
	batch.add(l, "v")
	for _, h := range batch.holds {
		if again, ok := h.ledgerLine().hold(); h.check() != nil || h.Camera != l.Camera || !ok || again.Hold != h.Hold {
			t.Fatalf("%+v is read again as %+v", h, again)
		}
	}
	if l.Kind == lineHold && len(batch.holds)+len(batch.whole) != 1 {
		t.Fatalf("a hold holds nothing: %+v", l)
	}
	for _, s := range append(batch.put, batch.doomed...) {
		if _, err := parsePath(s.Path); err != nil || s.End.Before(s.Start) || s.Bytes < 0 || s.Camera != l.Camera {
			t.Fatalf("%+v: %v", s, err)
		}
	}
	for _, g := range batch.gaps {
		if checkKey(g.Camera, g.Stream) != nil || !validTime(g.From) {
			t.Fatalf("%+v", g)
		}
	}
}

func FuzzLedger(f *testing.F) {
	content, _ := testLedger(f)
	lines := bytes.SplitAfter(content, []byte("\n"))
	f.Add(lines[0])
	f.Add(append(bytes.Clone(lines[0]), lines[1][:40]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		start := genesis("v", "gate")
		n := 0
		s := scanLedger(b, &start, func(ledgerLine) { n++ })
		if s.good < 0 || s.good > int64(len(b)) || (n == 0) != (s.good == 0) || s.good > 0 && b[s.good-1] != '\n' {
			t.Fatalf("%+v of %d bytes, %d lines", s, len(b), n)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add(testCheckpoint(f).encode()[checkpointHeader:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := decodeCheckpoint(frame(payload))
		if err != nil {
			return
		}
		for _, o := range c.open {
			if o.check() != nil || o.bytes < 0 {
				t.Fatalf("%+v", o)
			}
		}
		for _, w := range c.writes {
			if !validID(w.camera) || !validDay(w.day) || w.offset < 0 {
				t.Fatalf("%+v", w)
			}
		}
		if again, err := decodeCheckpoint(c.encode()); err != nil || len(again.open) != len(c.open) {
			t.Fatalf("does not survive being written again: %v", err)
		}
	})
}

func FuzzIndexRows(f *testing.F) {
	s := testSegment(0)
	f.Add(segmentKey(s.SegmentMeta), segmentRow(s, 3))
	f.Add(timeKey(s.Start), gapRow(Gap{From: s.Start, Reason: ReasonAuth, Detail: "x"}))
	f.Add(orderKey(3, s.SegmentMeta), headRow(ledgerHead{day: "2026-11-23"}))
	f.Fuzz(func(t *testing.T, k, v []byte) {
		key := streamKey{"gate", "main"}
		if s, _, err := parseRow(key, k, v); err == nil && s.End.Before(s.Start) {
			t.Fatalf("%+v", s)
		}
		_, _ = parseGap(key, k, v)
		_, _ = parseHead(v)
		_, _ = parseOrderKey(k)
		_ = parseStreamRow(v)
	})
}
