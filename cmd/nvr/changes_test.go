package main

import (
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/configs"
)

func TestChangesOfTheSiteFileAreNamed(t *testing.T) {
	old := textOf(parsed(t, "/tmp"))
	for name, c := range map[string]struct {
		old, new string
		want     string
	}{
		"wording":            {"version: 1", "version: 1 # ours", "nothing but its wording or order"},
		"name":               {"Camp North", "Camp South", "site.name: Camp North to Camp South"},
		"retention":          {"retention: {keep: 90d}", "retention: {keep: 30d}", "storage.retention.keep: 90 days to 30 days"},
		"a segment":          {"  state: DIR/state", "  state: DIR/state\n  segment: 2m", "storage.segment: 5m0s to 2m0s"},
		"a camera's groups":  {"groups: [north]", "groups: [south]", "cameras[gate].groups: north to south"},
		"no groups":          {"groups: [north]", "groups: []", "cameras[gate].groups: north to not set"},
		"a camera's removal": {"  - {id: yard, device: dev-a, streams: {main: {path: /none}}}\n", "", "cameras[yard] removed"},
		"a volume":           {"[{path: DIR/video, reserve: 1MiB}]", "[{path: DIR/video, reserve: 1MiB}, {path: DIR/more, reserve: 1MiB}]", "storage.volumes[/tmp/more] added"},
		"a device":           {"02:00:00:00:00:11", "02:00:00:00:00:12", "devices[dev-a].mac: 02:00:00:00:00:11 to 02:00:00:00:00:12"},
		"two persons":        {"two_persons: true", "two_persons: false", "accounts.two_persons: true to false"},
	} {
		t.Run(name, func(t *testing.T) {
			// The directory is put in by parsed, also into what is changed.
			changed := strings.Replace(peopleSite, c.old, c.new, 1)
			site, err := configs.Parse([]byte(strings.ReplaceAll(changed, "DIR", "/tmp")))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(changes(old, textOf(site)), "; "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestAChangeHasItsValuesAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	single := []string{"two_persons: true", "two_persons: false"}
	site := parsed(t, dir, single...)
	p := opened(t, site)
	a, _ := keeperOf(t, site, p)
	a.keepPledge(t.Context(), site)
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	a.site = parsed(t, dir, append(single, "keep: 90d", "keep: 30d", "/none", "/user=admin&password=geheim")...)
	a.people = opened(t, a.site)
	a.keepPledge(t.Context(), a.site)
	all := a.people.entries(t, "site.change")
	if len(all) != 1 {
		t.Fatalf("entries %+v", all)
	}
	e := all[0]
	if !strings.Contains(string(e.Before), `"storage.retention.keep":"90 days"`) || !strings.Contains(string(e.After), `"storage.retention.keep":"30 days"`) {
		t.Errorf("before %s, after %s", e.Before, e.After)
	}
	if !strings.Contains(e.Detail, "cameras[gate].streams.main.url: ") || strings.Contains(e.Detail+string(e.After), "geheim") {
		t.Errorf("detail %s, after %s", e.Detail, e.After)
	}
}

// TestEachFieldOfTheSiteIsInItsText changes each field of a full site by itself.
func TestEachFieldOfTheSiteIsInItsText(t *testing.T) {
	full := func(other int) (*configs.Site, []string) {
		s := &configs.Site{}
		f := &filler{other: other}
		f.fill(reflect.ValueOf(s).Elem(), "Site")
		return s, f.paths
	}
	plain, paths := full(-1)
	if len(paths) < 50 {
		t.Fatalf("only %d fields: %q", len(paths), paths)
	}
	for i, path := range paths {
		if path == "Site.Revision" || path == "Site.Path" {
			continue // of the file, not of what it says
		}
		site, _ := full(i)
		if len(differing(textOf(plain), textOf(site))) == 0 {
			t.Errorf("%s is not in the text", path)
		}
	}
}

// filler gives each field a value: all the same but that of one.
type filler struct {
	other int // which of paths gets another value
	paths []string
}

func (f *filler) fill(v reflect.Value, path string) {
	pick := func(plain, other any) {
		if len(f.paths) == f.other {
			plain = other
		}
		f.paths = append(f.paths, path)
		v.Set(reflect.ValueOf(plain).Convert(v.Type()))
	}
	switch v.Interface().(type) {
	case *time.Location:
		pick(time.UTC, time.FixedZone("other", 3600))
		return
	case netip.Addr:
		pick(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"))
		return
	case netip.AddrPort:
		pick(netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.1:2"))
		return
	case netip.Prefix:
		pick(netip.MustParsePrefix("10.0.0.1/16"), netip.MustParsePrefix("10.0.0.1/17"))
		return
	case net.HardwareAddr:
		pick(net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2})
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				f.fill(v.Field(i), path+"."+field.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0), path+"[0]")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), path)
	case reflect.String:
		pick("one", "two")
	case reflect.Bool:
		pick(false, true)
	default:
		pick(int64(time.Hour), int64(2*time.Hour)) // whatever has another kind fails here
	}
}
