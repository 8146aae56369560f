package oui

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// Bounds of what is taken from a list: they are files of the system, but a
// truncated or swapped one must cost no more than a right one.
const (
	maxFile    = 64 << 20 // bytes read of one list
	maxLine    = 4096     // bytes; a longer one ends the list
	maxEntries = 400_000
	maxName    = 96 // bytes of a maker's name
)

// prefix is the beginning of a MAC: so many bits, the rest zero.
type prefix struct {
	bits  uint8
	value uint64
}

// Table knows makers. The zero Table knows none.
type Table struct {
	makers map[prefix]string
}

// Files are where lists usually lie.
func Files() []string {
	return []string{
		"/usr/share/ieee-data/oui.txt", "/usr/share/ieee-data/mam.txt", "/usr/share/ieee-data/oui36.txt",
		"/usr/share/nmap/nmap-mac-prefixes",
	}
}

// Load reads those of the files that are there. The error is of files that are
// there and cannot be read; the Table has what the others say all the same.
func Load(files ...string) (*Table, error) {
	t := &Table{}
	var all error
	for _, name := range files {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = t.Read(f)
			f.Close()
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("read the makers in %s: %w", name, err))
		}
	}
	return t, all
}

// Len is how many prefixes are known.
func (t *Table) Len() int { return len(t.makers) }

// Maker gives who the beginning of a MAC was given to; false where that is not
// known, as always for addresses that nobody gave out (see Local).
func (t *Table) Maker(mac [6]byte) (string, bool) {
	if Local(mac) {
		return "", false
	}
	value := uint64(0)
	for _, b := range mac {
		value = value<<8 | uint64(b)
	}
	// The longest first: whoever has a part of a block is the maker, not who divided it.
	for _, bits := range [...]uint8{36, 28, 24} {
		if name, ok := t.makers[prefix{bits, value >> (48 - bits) << (48 - bits)}]; ok {
			return name, true
		}
	}
	return "", false
}

// Local reports whether a MAC was made up by the device or its administrator
// (IEEE 802: the second bit of the first byte): it tells nothing of a maker.
func Local(mac [6]byte) bool { return mac[0]&2 != 0 }

// Read adds what a list says: one in the IEEE's text form or in nmap's. Lines
// that are neither are passed over. Of two that name the same, the first counts.
func (t *Table) Read(r io.Reader) error {
	if t.makers == nil {
		t.makers = map[prefix]string{}
	}
	lines := bufio.NewScanner(io.LimitReader(r, maxFile))
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	block := "" // first three bytes of the entry in the IEEE's form that is being read
	for lines.Scan() {
		line := lines.Text()
		if key, _, ok := strings.Cut(line, "(hex)"); ok {
			block = strings.ReplaceAll(strings.TrimSpace(key), "-", "")
			continue
		}
		p, name, ok := ieee(line, block)
		if !ok {
			p, name, ok = nmap(line)
		}
		if ok && len(t.makers) < maxEntries {
			t.add(p, name)
		}
	}
	return lines.Err()
}

func (t *Table) add(p prefix, name string) {
	name = strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(name, ""))), " ")
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	// Blocks that the IEEE itself divides are known by their parts.
	if name == "" || p.bits == 24 && name == "IEEE Registration Authority" {
		return
	}
	if _, known := t.makers[p]; !known {
		t.makers[p] = name
	}
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return ' '
	}
	return r
}

// ieee reads "286FB9 (base 16) Name", or "000000-0FFFFF (base 16) Name" within a block.
func ieee(line, block string) (p prefix, name string, ok bool) {
	key, name, ok := strings.Cut(line, "(base 16)")
	if !ok {
		return p, "", false
	}
	key = strings.TrimSpace(key)
	from, to, part := strings.Cut(key, "-")
	if !part {
		return hexPrefix(key, name)
	}
	// The part's length follows from where it ends: 0FFFFF is 20 bits of one's own.
	low, err1 := strconv.ParseUint(from, 16, 24)
	high, err2 := strconv.ParseUint(to, 16, 24)
	if err1 != nil || err2 != nil || len(from) != 6 || len(to) != 6 {
		return p, "", false
	}
	switch high - low {
	case 0x0fffff:
		return hexPrefix(block+from[:1], name)
	case 0x000fff:
		return hexPrefix(block+from[:3], name)
	}
	return p, "", false
}

// nmap reads "286FB9 Name", with 6, 7 or 9 digits.
func nmap(line string) (p prefix, name string, ok bool) {
	key, name, ok := strings.Cut(line, " ")
	if !ok {
		return p, "", false
	}
	return hexPrefix(key, name)
}

func hexPrefix(digits, name string) (prefix, string, bool) {
	if len(digits) != 6 && len(digits) != 7 && len(digits) != 9 {
		return prefix{}, "", false
	}
	v, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return prefix{}, "", false
	}
	bits := uint8(4 * len(digits))
	return prefix{bits, v << (48 - bits)}, strings.TrimSpace(name), true
}
