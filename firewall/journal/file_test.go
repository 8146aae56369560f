package journal

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// total is what the list adds up to.
func (j *Journal) total(t *testing.T) (sum uint64) {
	t.Helper()
	for _, a := range j.all(t, Filter{Chatter: WithChatter, Limit: 1000}) {
		sum += a.Count
	}
	return sum
}

// Somebody deletes the journal while it runs: all that was in it, and what comes,
// is in the file that is written anew.
func TestADeletedJournalIsWrittenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := must(Open(path, Options{}))(t)
	for port := range 40 {
		j.Add(testHit(time.Now(), 1000+port))
	}
	j.turn(true)
	must(0, os.Remove(path))(t)
	j.Add(testHit(time.Now(), 2000))
	j.turn(true)
	if j.Totals().Broken || j.total(t) != 41 {
		t.Errorf("account %+v, %d hits", j.Totals(), j.total(t))
	}
	must(0, os.WriteFile(path+".other", []byte("mine now"), 0o600))(t)
	must(0, os.Rename(path+".other", path))(t) // another file in its place
	j.Add(testHit(time.Now(), 2001))
	j.turn(true)
	if !j.Totals().Broken || j.total(t) != 42 { // the last time is less than a minute ago
		t.Errorf("account %+v, %d hits", j.Totals(), j.total(t))
	}
	j.rescued = time.Time{}
	j.turn(true)
	if j.Totals().Broken {
		t.Error("not written anew")
	}
	if b, err := os.ReadFile(path + ".foreign"); err != nil || string(b) != "mine now" {
		t.Errorf("what stood in its place: %q, %v", b, err)
	}
	must(0, j.Close())(t)
	j = must(Open(path, Options{}))(t)
	defer j.Close()
	if n := j.total(t); n != 42 {
		t.Errorf("%d hits after a restart, want 42", n)
	}
}

// A file that is cut off while it is open is told, and ends nothing.
func TestACutOffJournalEndsNothing(t *testing.T) {
	for _, size := range []int64{8192, 0} {
		t.Run(fmt.Sprint(size), func(t *testing.T) { cutOff(t, size) })
	}
}

func cutOff(t *testing.T, size int64) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := must(Open(path, Options{}))(t)
	for port := range 60 {
		j.Add(testHit(time.Now().Add(time.Duration(port)*10*time.Second), 1000+port))
	}
	j.turn(true)
	must(0, os.Truncate(path, size))(t)
	for port := range 60 {
		j.Add(testHit(time.Now(), 3000+port))
	}
	j.turn(true)
	if _, err := j.Query(Filter{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("query: %v", err)
	}
	for _, host := range []string{"new.example", "newer.example"} { // the first holds nothing that others wait for
		if _, err := j.AddressOf(t.Context(), netip.Addr{}, host); !errors.Is(err, ErrDamaged) {
			t.Errorf("address of %s: %v", host, err)
		}
	}
	if s := j.Totals(); !s.Broken || s.Hits != 120 {
		t.Errorf("account %+v", s)
	}
	if err := j.Close(); err == nil {
		t.Error("closed as if nothing was lost")
	}
}

// On a full disk attempts are counted on in memory, none is lost, and they are
// written once there is room.
func TestAFullDiskLosesNoCount(t *testing.T) {
	dir := t.TempDir()
	runtime.LockOSThread() // whose mounts are its own, and end with it and this test
	must(0, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))(t)
	must(0, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))(t)
	must(0, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=600k"))(t)
	defer unix.Unmount(dir, unix.MNT_DETACH)
	j := must(Open(filepath.Join(dir, "journal.db"), Options{}))(t)
	j.Add(testHit(time.Now(), 1))
	j.turn(true)
	if j.Totals().Broken {
		t.Fatal("broken before the disk is full")
	}
	filler := filepath.Join(dir, "footage")
	big := make([]byte, 1<<20)
	if err := os.WriteFile(filler, big, 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	now := time.Now()
	for n := range 900 { // slowly, so that each is a row
		j.Add(testHit(now.Add(time.Duration(n)*10*time.Second), 1000+n))
		if n%50 == 0 {
			j.turn(true)
		}
	}
	j.turn(true)
	if s := j.Totals(); !s.Broken || s.Hits != 901 {
		t.Errorf("account %+v", s)
	}
	if n := j.total(t); n != 901 {
		t.Errorf("%d hits are listed while the disk is full", n)
	}
	must(0, os.Remove(filler))(t)
	must(0, unix.Mount("", dir, "", unix.MS_REMOUNT, "size=64m"))(t)
	j.turn(true)
	if s := j.Totals(); s.Broken || j.total(t) != 901 {
		t.Errorf("account %+v, %d hits", s, j.total(t))
	}
	must(0, j.Close())(t)
}
