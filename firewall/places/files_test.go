package places

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const torText = "# comment\n\n" +
	"3325256704,3325256959,KR\r\n" + // 198.51.100.0/24
	"3405803776,3405803791,us\n" + // 203.0.113.0/28
	"3405803792,3405804031,??\n" +
	"2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,FR\n" +
	"0,16777215,A1\n"

func TestRanges(t *testing.T) {
	if _, err := readRanges([]byte(torText)); err == nil || !strings.Contains(err.Error(), "line 7") {
		t.Errorf("a country with a digit: %v", err)
	}
	r, err := readRanges([]byte(strings.TrimSuffix(torText, "0,16777215,A1\n")))
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]string{
		"198.51.99.255": "", "198.51.100.0": "KR", "198.51.100.255": "KR", "198.51.101.0": "",
		"203.0.113.0": "US", "203.0.113.15": "US", "203.0.113.16": "", "0.0.0.0": "", "255.255.255.255": "",
		"2001:db8::": "FR", "2001:db8:ffff::1": "FR", "2001:db7::1": "", "2001:db9::": "",
	} {
		if got := r.place(netip.MustParseAddr(a)).Country; got != want {
			t.Errorf("%s is in %q, want %q", a, got, want)
		}
	}
	for _, bad := range []string{"", "# nothing\n", "1,2", "1,2,KOR", "2,1,KR", "1,4294967296,KR", "::2,::1,KR", "1.2.3.4,1.2.3.5,KR", "::1,1,KR", "<html>"} {
		if _, err := readRanges([]byte(bad)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// libloc writes a location database of two networks, one within the other.
func libloc() []byte {
	u32 := func(b []byte, v ...uint32) []byte {
		for _, n := range v {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	pool := []byte("\x00Example Cloud\x00Autre\x00")
	owners := u32(nil, 64500, 1, 64501, 15)
	networks := append(u32([]byte("KR\x00\x00"), 64500, 0), u32([]byte("fr\x00\x00"), 64501, 0)...)
	var tree []byte
	a := netip.MustParseAddr("198.51.100.0").As16()
	for i := range 96 + 25 {
		here := uint32(noNetwork)
		switch i {
		case 96 + 16:
			here = 0 // 198.51.0.0/16
		case 96 + 24:
			here = 1 // 198.51.100.0/24
		}
		next := [2]uint32{}
		if i < 96+24 {
			next[a[i/8]>>(7-i%8)&1] = uint32(i + 1)
		}
		tree = u32(tree, next[0], next[1], here)
	}
	const parts = 4200
	b := append([]byte("LOCDBXX\x01"), make([]byte, 20)...)
	at := uint32(parts)
	for _, part := range [][]byte{owners, networks, tree, nil, pool} {
		b = u32(b, at, uint32(len(part)))
		at += uint32(len(part))
	}
	b = append(b, make([]byte, parts-len(b))...)
	for _, part := range [][]byte{owners, networks, tree, pool} {
		b = append(b, part...)
	}
	return b
}

func TestLocation(t *testing.T) {
	l, err := readLocation(libloc())
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]Place{
		"198.51.100.7": {"FR", "AS64501 Autre"}, "198.51.99.7": {"KR", "AS64500 Example Cloud"}, "198.52.0.0": {}, "2001:db8::": {},
	} {
		if got := l.place(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is %+v, want %+v", a, got, want)
		}
	}
	whole := libloc()
	for _, n := range []int{0, 7, 67, 68, 4200, len(whole) - 1} {
		if _, err := readLocation(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut off at %d: %v", n, err)
		}
	}
}

func FuzzRanges(f *testing.F) {
	f.Add([]byte(torText))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if r, err := readRanges(b); err == nil {
			r.place(netip.MustParseAddr("198.51.100.7"))
			r.place(netip.MustParseAddr("2001:db8::7"))
		}
	})
}

func FuzzLocation(f *testing.F) {
	f.Add(libloc())
	f.Fuzz(func(_ *testing.T, b []byte) {
		if l, err := readLocation(b); err == nil {
			l.place(netip.MustParseAddr("198.51.100.7"))
			l.place(netip.MustParseAddr("2001:db8::7"))
		}
	})
}

// put writes a file beside its place and moves it there, as one should.
func put(t *testing.T, path string, content []byte) {
	t.Helper()
	tmp := filepath.Join(t.TempDir(), "new")
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}

func TestBookFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	b := New(Options{System: System{TorIPv4: file("geoip"), TorIPv6: file("geoip6"), Location: []string{file("updated"), file("packaged")}}})
	want := func(when, a string, p Place, problems ...string) {
		t.Helper()
		b.Look()
		if got := b.Place(netip.MustParseAddr(a)); got != p {
			t.Errorf("%s: %s is %+v, want %+v", when, a, got, p)
		}
		var named []string
		for _, s := range b.Status() {
			if s.Problem != "" {
				named = append(named, s.Problem)
				if s.Fix == "" {
					t.Errorf("%s: no fix for %s", when, s.Problem)
				}
			}
		}
		if len(named) != len(problems) {
			t.Errorf("%s: problems %q, want %q", when, named, problems)
			return
		}
		for i, p := range problems {
			if !strings.Contains(named[i], p) {
				t.Errorf("%s: problem %q does not name %s", when, named[i], p)
			}
		}
	}
	const a = "198.51.100.7"
	want("nothing is installed", a, Place{})
	put(t, file("packaged"), libloc())
	want("libloc-database is installed", a, Place{"FR", "AS64501 Autre"})
	put(t, file("geoip"), []byte(strings.TrimSuffix(torText, "0,16777215,A1\n")))
	want("tor-geoipdb knows countries better", a, Place{"KR", "AS64501 Autre"})
	b.Set(Files{Country: file("country.mmdb"), Network: file("network.mmdb")})
	want("files of the site are not there", a, Place{}, "country.mmdb", "network.mmdb")
	put(t, file("country.mmdb"), countries())
	put(t, file("network.mmdb"), networks())
	want("they are", a, Place{"KR", "AS64500 Example Cloud"})
	put(t, file("country.mmdb"), countries()[:300])
	want("one is damaged: what was read is used", a, Place{"KR", "AS64500 Example Cloud"}, "country.mmdb")
	put(t, file("country.mmdb"), networks())
	want("one names networks alone", a, Place{"", "AS64500 Example Cloud"})
	put(t, file("country.mmdb"), both())
	want("it is whole again", "2001:db8::7", Place{Country: "FR"})
	if err := os.Remove(file("network.mmdb")); err != nil {
		t.Fatal(err)
	}
	want("one was deleted", a, Place{"KR", "AS64500 Example Cloud"}, "network.mmdb")
	if err := os.Mkdir(file("network.mmdb"), 0o700); err != nil {
		t.Fatal(err)
	}
	want("a directory in its place", a, Place{"KR", "AS64500 Example Cloud"}, "network.mmdb")
	b.Set(Files{})
	want("the site gives none any more", a, Place{"KR", "AS64501 Autre"})
	for _, nobodys := range []string{"10.0.0.1", "198.18.0.1", "198.19.255.254", "127.0.0.1", "169.254.1.1", "100.64.0.1", "224.0.0.1", "fe80::1%eth0", "fd00::1", "::"} {
		want("addresses of nobody's", nobodys, Place{})
	}
}

func TestTooLargeAFileIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(maxFile + 1); err != nil {
		t.Fatal(err)
	}
	if _, err := loadMMDB(path); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
