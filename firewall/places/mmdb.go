package places

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxNetworks bounds the walk through a database that is read; a large one of
// countries has two million.
const maxNetworks = 20_000_000

// maxOwner bounds a network's name, in bytes.
const maxOwner = 96

// database is an MMDB file, with fields as MaxMind, DB-IP or IPinfo name them.
type database struct{ db *maxminddb.Reader }

// loadMMDB reads a file and looks at each of its records, so that damage is found
// now and not when a packet comes.
func loadMMDB(path string) (source, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d, err := openDatabase(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

func openDatabase(b []byte) (*database, error) {
	db, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%w: no MMDB: %w", ErrDamaged, err)
	}
	d := &database{db}
	looked := map[uintptr]bool{} // many networks have the same record
	networks, useful := 0, false
	for r := range db.Networks() {
		if networks++; networks > maxNetworks {
			return nil, fmt.Errorf("%w: it has more than %d networks", ErrDamaged, maxNetworks)
		}
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if looked[r.Offset()] {
			continue
		}
		looked[r.Offset()] = true
		p, err := of(r)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, r.Prefix(), err)
		}
		useful = useful || p != Place{}
	}
	if !useful {
		return nil, fmt.Errorf("%w: %q names neither countries nor networks", ErrDamaged, db.Metadata.DatabaseType)
	}
	return d, nil
}

func (d *database) place(a netip.Addr) Place {
	if a.Is6() && d.db.Metadata.IPVersion == 4 {
		return Place{}
	}
	p, err := of(d.db.Lookup(a))
	if err != nil {
		return Place{} // it was whole when it was read, and does not change
	}
	return p
}

// of reads a record. The error is damage: a field that is not there, or is something
// else in this maker's file, is none.
func of(r maxminddb.Result) (p Place, err error) {
	if !r.Found() {
		return p, r.Err()
	}
	for _, path := range [][]any{{"country", "iso_code"}, {"registered_country", "iso_code"}, {"country_code"}, {"country"}} {
		var code string
		if err := decode(r, &code, path); err != nil {
			return p, err
		}
		if p.Country = country(code); p.Country != "" {
			break
		}
	}
	var number uint64
	var name, text string
	for _, f := range []struct {
		into any
		path string
	}{{&number, "autonomous_system_number"}, {&name, "autonomous_system_organization"}, {&text, "asn"}} {
		if err := decode(r, f.into, []any{f.path}); err != nil {
			return p, err
		}
	}
	if rest, is := strings.CutPrefix(strings.ToUpper(text), "AS"); is {
		number, _ = strconv.ParseUint(rest, 10, 32)
	}
	for _, path := range []string{"as_name", "name"} {
		if name == "" && text != "" {
			if err := decode(r, &name, []any{path}); err != nil {
				return p, err
			}
		}
	}
	p.Network = owner(number, name)
	return p, nil
}

func decode(r maxminddb.Result, into any, path []any) error {
	err := r.DecodePath(into, path...)
	if damage := (maxminddb.InvalidDatabaseError{}); errors.As(err, &damage) {
		return err
	}
	return nil
}

// owner writes a network as AS64500 Example Cloud, in text that can be printed.
func owner(number uint64, name string) string {
	var parts []string
	if number > 0 {
		parts = append(parts, "AS"+strconv.FormatUint(number, 10))
	}
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if len(name) > maxOwner {
		name = strings.ToValidUTF8(name[:maxOwner], "")
	}
	if name = strings.TrimSpace(name); name != "" {
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}
