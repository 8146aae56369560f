package oui_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/internal/oui"
)

// Lists in the forms of ieee-data and of nmap, about makers that do not exist.
const (
	large = "OUI/MA-L                    Organization\ncompany_id                  Organization\n\n" +
		"28-6F-B9   (hex)\t\tExample Optics  Co., Ltd.\n286FB9     (base 16)\t\tExample Optics  Co., Ltd.\n\t\t\t\tNo. 388, Example Road\n\t\t\t\tExample City  201206\n\t\t\t\tCN\n\n" +
		"10-DC-B6   (hex)\t\tIEEE Registration Authority\n10DCB6     (base 16)\t\tIEEE Registration Authority\n"
	medium = "10-DC-B6   (hex)\t\tHalf Block Cameras\r\n400000-4FFFFF     (base 16)\t\tHalf Block Cameras\r\n\t\t\t\tSomewhere\r\n"
	small  = "10-DC-B6   (hex)\t\tTiny\nABC000-ABCFFF     (base 16)\t\tTiny \x1b[31mLens\n"
	other  = "# nmap's\n286FB9 Somebody else\nA0B1C2 From nmap\n10DCB67 Seven digits\n10DCB6123 Nine digits\n"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMakerOfAMAC(t *testing.T) {
	table, err := oui.Load(write(t, "oui.txt", large), write(t, "mam.txt", medium), write(t, "oui36.txt", small),
		filepath.Join(t.TempDir(), "not there"), write(t, "nmap", other))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		mac  [6]byte
		want string
	}{
		{"a block of its own", [6]byte{0x28, 0x6f, 0xb9, 1, 2, 3}, "Example Optics Co., Ltd."},
		{"a sixteenth of one", [6]byte{0x10, 0xdc, 0xb6, 0x4a, 2, 3}, "Half Block Cameras"},
		{"a 4096th of one", [6]byte{0x10, 0xdc, 0xb6, 0xab, 0xc2, 3}, "Tiny [31mLens"},
		{"the rest of a divided block", [6]byte{0x10, 0xdc, 0xb6, 0xff, 2, 3}, ""},
		{"of nmap's list", [6]byte{0xa0, 0xb1, 0xc2, 1, 2, 3}, "From nmap"},
		{"seven digits", [6]byte{0x10, 0xdc, 0xb6, 0x7f, 2, 3}, "Seven digits"},
		{"nine digits", [6]byte{0x10, 0xdc, 0xb6, 0x12, 0x3f, 3}, "Nine digits"},
		{"nobody's", [6]byte{0, 1, 2, 3, 4, 5}, ""},
		{"made up by the device", [6]byte{0x2a, 0x6f, 0xb9, 1, 2, 3}, ""},
	} {
		if got, ok := table.Maker(c.mac); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", c.name, got, ok, c.want)
		}
	}
	if !oui.Local([6]byte{0x02}) || oui.Local([6]byte{0x28}) {
		t.Error("the bit of local administration is read wrongly")
	}
	if _, ok := (&oui.Table{}).Maker([6]byte{0x28, 0x6f, 0xb9}); ok {
		t.Error("an empty table knows a maker")
	}
}

func TestAListThatIsNone(t *testing.T) {
	table, err := oui.Load(write(t, "oui.txt", strings.Repeat("x", 1<<16)), write(t, "nmap", other))
	if err == nil || !strings.Contains(err.Error(), "oui.txt") || table.Len() == 0 {
		t.Errorf("%d entries, error %v", table.Len(), err)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{large, medium, small, other, "-(base 16)x", "0-0(hex)\n0-f(base 16)\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		table := &oui.Table{}
		_ = table.Read(strings.NewReader(list)) // a line that is too long ends it
		if table.Len() > len(list) {
			t.Error("more makers than bytes")
		}
		for _, mac := range [][6]byte{{0x28, 0x6f, 0xb9}, {0x10, 0xdc, 0xb6, 0x40}, {}} {
			if name, ok := table.Maker(mac); ok && (name == "" || len(name) > 96) {
				t.Errorf("%q", name)
			}
		}
	})
}
