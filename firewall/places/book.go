package places

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often files are looked at for changes.
const lookEvery = 10 * time.Second

// Files name the databases that a site gives, in MMDB; "" where it gives none. They
// may be one file.
type Files struct {
	Country string
	Network string
}

// System names the files that Debian's packages install.
type System struct {
	TorIPv4, TorIPv6 string
	Location         []string // the first that is there
}

// Debian is where Debian's packages put them. A location database that was updated
// by its own tool comes before the package's.
func Debian() System {
	return System{
		TorIPv4: "/usr/share/tor/geoip", TorIPv6: "/usr/share/tor/geoip6",
		Location: []string{"/var/lib/location/database.db", "/usr/share/libloc-location/location.db"},
	}
}

// Options of a Book.
type Options struct {
	Log    *slog.Logger
	Files  Files
	System System // what takes the place of what the site does not give
}

// Status is how one file stands.
type Status struct {
	File     string
	Modified time.Time // of what is in use; zero: nothing is
	Problem  string    // why the file as it is now is not in use; "" when it is
	Fix      string
}

// Book knows places. Make one with New.
type Book struct {
	opts  Options
	nudge chan struct{}
	known atomic.Pointer[known]

	mu    sync.Mutex // guards all below
	files Files
	read  map[string]*reading // by path
}

// known is what is looked into: the first that knows answers.
type known struct{ countries, networks []source }

// reading is a file as it was read last.
type reading struct {
	source   source // what was read of it last without an error; nil: nothing
	modified time.Time
	size     int64
	seen     bool // the file is there, as modified and size say
	err      error
	fix      string
	at       time.Time // modified of source
}

// New makes a Book that knows nothing yet: Run reads.
func New(o Options) *Book {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Book{opts: o, nudge: make(chan struct{}, 1), files: o.Files, read: map[string]*reading{}}
	b.known.Store(&known{})
	return b
}

// Set has other files read from now on.
func (b *Book) Set(f Files) {
	b.mu.Lock()
	b.files = f
	b.mu.Unlock()
	select {
	case b.nudge <- struct{}{}:
	default:
	}
}

// Place tells where an address is, as far as is known. It waits for nothing.
func (b *Book) Place(a netip.Addr) (p Place) {
	if a = a.Unmap().WithZone(""); anybodys(a) {
		return p
	}
	k := b.known.Load()
	for _, s := range k.countries {
		if p.Country = s.place(a).Country; p.Country != "" {
			break
		}
	}
	for _, s := range k.networks {
		if p.Network = s.place(a).Network; p.Network != "" {
			break
		}
	}
	return p
}

// Run reads the files, and again when they change, until ctx is done.
func (b *Book) Run(ctx context.Context) error {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for {
		b.Look()
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		case <-b.nudge:
		}
	}
}

// Look reads what has changed since the last time, at once.
func (b *Book) Look() {
	b.mu.Lock()
	files := b.files
	b.mu.Unlock()
	k := &known{}
	kept := map[string]bool{}
	use := func(path string, load func(string) (source, error), into ...*[]source) (there bool) {
		if path == "" {
			return false
		}
		kept[path] = true
		r := b.look(path, load)
		if r.source != nil {
			for _, list := range into {
				*list = append(*list, r.source)
			}
		}
		return r.seen
	}
	use(files.Country, loadMMDB, &k.countries)
	use(files.Network, loadMMDB, &k.networks)
	if files.Country == "" {
		use(b.opts.System.TorIPv4, loadTor, &k.countries)
		use(b.opts.System.TorIPv6, loadTor, &k.countries)
	}
	for _, path := range b.opts.System.Location {
		var lists []*[]source
		if files.Country == "" {
			lists = append(lists, &k.countries)
		}
		if files.Network == "" {
			lists = append(lists, &k.networks)
		}
		if len(lists) == 0 || use(path, loadLocation, lists...) {
			break
		}
	}
	b.known.Store(k)
	b.mu.Lock()
	defer b.mu.Unlock()
	for path := range b.read {
		if !kept[path] {
			delete(b.read, path)
		}
	}
}

// look reads a file if it changed.
func (b *Book) look(path string, load func(string) (source, error)) reading {
	b.mu.Lock()
	r := b.read[path]
	if r == nil {
		r = &reading{}
		b.read[path] = r
	}
	was := *r
	b.mu.Unlock()

	now := was
	info, err := os.Stat(path)
	switch {
	case err != nil:
		now.seen, now.err, now.fix = false, err, "put the file there, or take it out of owners in the site file"
		if errors.Is(err, fs.ErrNotExist) && !b.given(path) {
			now = reading{} // a package that is not installed is nothing to tell
		}
	case was.seen && info.ModTime().Equal(was.modified) && info.Size() == was.size && was.settled():
		return was
	default:
		now.seen, now.modified, now.size = true, info.ModTime(), info.Size()
		var s source
		if s, now.err = load(path); now.err == nil {
			now.source, now.at, now.fix = s, now.modified, ""
		} else {
			now.fix = fixOf(now.err)
		}
	}
	b.report(path, was, now)
	b.mu.Lock()
	*r = now
	b.mu.Unlock()
	return now
}

// settled tells whether another look at the same file would find the same: not where
// it could not be read.
func (r *reading) settled() bool {
	return r.err == nil || errors.Is(r.err, ErrDamaged) || errors.Is(r.err, ErrTooLarge)
}

// given tells a file that the site names from one that may be installed.
func (b *Book) given(path string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return path == b.files.Country || path == b.files.Network
}

// report logs what changed: a problem once, and what was read.
func (b *Book) report(path string, was, now reading) {
	switch {
	case now.err != nil && (was.err == nil || was.err.Error() != now.err.Error()):
		b.opts.Log.Warn("file of countries and networks cannot be used", "file", path, "error", now.err, "fix", now.fix)
	case now.err == nil && now.source != was.source:
		b.opts.Log.Info("countries and networks of addresses were read", "file", path, "modified", now.modified)
	}
}

// Status tells how each file stands that is given or installed, by name.
func (b *Book) Status() (all []Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for path, r := range b.read {
		if !r.seen && r.err == nil {
			continue
		}
		s := Status{File: path, Modified: r.at}
		if r.err != nil {
			s.Problem, s.Fix = r.err.Error(), r.fix
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.File, b.File) })
	return all
}
