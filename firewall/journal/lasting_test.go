package journal

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"
)

// The name that an address had at the first hit stays with the row for ever: also
// when nobody remembers it any more, and when the address is another's.
func TestNameAtThatTimeStays(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	o := Options{Keep: 24 * time.Hour, Now: func() time.Time { return now }}
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Open(path, o)
	ok(t, err)
	j.clock.start(now, time.Time{})
	camera := netip.AddrFrom4([4]byte{10, 20, 1, 11})
	address, err := j.AddressOf(t.Context(), camera, "old.cloud.example")
	ok(t, err)
	try := func() {
		h := testHit(now, 443)
		h.Dst = address
		j.Add(h)
		ok(t, j.Flush())
	}

	// Hits alone keep a name in use, though nobody asks for it again.
	for range 100 {
		now = now.Add(9 * time.Minute)
		for range 4 {
			try()
		}
		ok(t, j.prune())
	}
	for range 100 {
		now = now.Add(9 * time.Minute)
		try()
		ok(t, j.prune())
	}
	if host, is := j.HostOf(address); !is || host != "old.cloud.example" {
		t.Fatalf("a name that is in use was forgotten: %q", host)
	}

	// It goes all the same, and the address becomes another's, before and after a restart.
	for _, other := range []string{"new.cloud.example", "newer.cloud.example"} {
		j.names.mu.Lock()
		one := j.names.byAddr[mustOffset(t, address)]
		j.names.forget(one)
		one.host = other
		j.names.byHost[other], j.names.byAddr[one.offset] = one, one
		j.names.quota[one.device]++
		j.names.mu.Unlock()
		if host, _ := j.HostOf(address); host != other {
			t.Fatalf("%s is still %q", address, host)
		}
		try()
		page, err := j.Query(Filter{})
		ok(t, err)
		if len(page.Attempts) != 1 || page.Attempts[0].Host != "old.cloud.example" {
			t.Fatalf("the row's name became another: %+v", page.Attempts)
		}
		ok(t, j.Close())
		j, err = Open(path, o)
		ok(t, err)
	}
	ok(t, j.Close())
}

func mustOffset(t *testing.T, a netip.Addr) uint32 {
	t.Helper()
	offset, is := toOffset(a)
	if !is {
		t.Fatalf("%s is not of the pool", a)
	}
	return offset
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
