package journal

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// writeFormat1 makes a file as the version before wrote it.
func writeFormat1(t *testing.T, path string, rows int) {
	db, err := bbolt.Open(path, 0o600, nil)
	must(0, err)(t)
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket := func(name string) *bbolt.Bucket { return must(tx.CreateBucketIfNotExists([]byte(name)))(t) }
		put := func(name string, k, v []byte) { must(0, bucket(name).Put(k, v))(t) }
		for _, name := range []string{"evidence", "names", "questions"} {
			bucket(name)
		}
		put("meta", []byte("format"), []byte("1"))
		for n := range rows {
			h := testHit(time.Date(2026, 11, 23, 12, 0, n, 0, time.UTC), 1000+n)
			id := keyOf("port:cam1", h).id()
			text := fmt.Sprintf(`{"id":%q,"first":"2026-11-23T11:00:00Z","last":%q,"count":7,"bytes":420,"mac":"00:00:00:00:00:00","source":"10.20.1.11",`+
				`"bridge_port":"cam1","reason":"egress","family":4,"protocol":6,"protocol_name":"tcp","destination":"198.51.100.7",`+
				`"destination_mac":"00:00:00:00:00:00","port":%d,"layer":"L3","rule":"","revision":"","bucket":"port:cam1"}`,
				id.String(), h.Time.Format(time.RFC3339), h.DstPort)
			put("attempts", id[:], []byte(text))
			put("evidence", id[:], []byte("first of old"))
			put("by-last", lastKey(h.Time, id), []byte{})
			put("by-device", deviceKey("", h.Time, id), []byte{})
		}
		bucket("counts")
		return addCount(tx, []byte("port:cam1"), int64(rows))
	})
	must(0, err)(t)
	must(0, db.Close())(t)
}

// A journal of the format before opens with all its rows: they are listed at
// once, found by index once that is made, and go on being counted.
func TestTheFormatBeforeIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	writeFormat1(t, path, 2500)
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	j := must(Open(path, Options{Now: func() time.Time { return now }}))(t)
	defer func() { must(0, j.Close())(t) }()
	one := Filter{Where: where("port:1234")}
	check := func(when string, count uint64) {
		t.Helper()
		p, err := j.Query(one)
		for f := one; err == nil && len(p.Attempts) == 0 && p.Next != ""; {
			f.Cursor = p.Next // it walks, and a slow machine not to the end at once
			p, err = j.Query(f)
		}
		if err != nil || len(p.Attempts) != 1 || p.Attempts[0].Count != count {
			t.Fatalf("%s: %+v, %v", when, p.Attempts, err)
		}
		slots, before, err := j.Timeline(p.Attempts[0].ID)
		sum := before
		for _, s := range slots {
			sum += s.Count
		}
		if err != nil || sum != count {
			t.Errorf("%s the timeline has %d of %d, %v", when, sum, count, err)
		}
		if packet, err := j.Evidence(p.Attempts[0].ID); err != nil || string(packet) != "first of old" {
			t.Errorf("%s the evidence is %q, %v", when, packet, err)
		}
	}
	if j.indexed.Load() || j.Totals().Attempts != 2500 {
		t.Error("indexed at once, or rows are missing", j.Totals())
	}
	check("at first", 7)
	j.Add(testHit(now, 1234))
	must(0, j.Flush())(t)
	check("counted on", 8)
	for turns := 0; !j.indexed.Load(); turns++ {
		if j.turn(true); turns > 10 {
			t.Fatal("not indexed after ten turns")
		}
	}
	check("indexed", 8)
	err := j.db.View(func(tx *bbolt.Tx) error {
		if n := tx.Bucket(bucketByFirst).Stats().KeyN; n != 2500 {
			t.Errorf("%d rows in the index by first hit", n)
		}
		want := 0
		err := tx.Bucket(bucketAttempts).ForEach(func(_, v []byte) error {
			var r record
			must(0, json.Unmarshal(v, &r))(t)
			want += len(r.terms())
			return nil
		})
		if n := tx.Bucket(bucketByValue).Stats().KeyN; n != want {
			t.Errorf("%d entries in the index by value, want %d", n, want)
		}
		return err
	})
	must(0, err)(t)
	j.turn(true)
	again := must(Open(filepath.Join(t.TempDir(), "new.db"), Options{}))(t)
	if !again.indexed.Load() {
		t.Error("a new journal waits to be indexed")
	}
	must(0, again.Close())(t)
}

// What a device tries for the first time is new, and odd if no sibling does it.
func TestNoveltyIsFoundAgainstPastAndSiblings(t *testing.T) {
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "journal.db")
	o := Options{Now: func() time.Time { return now }, Identify: siblings}
	j := must(Open(path, o))(t)
	try := func(from byte, to byte, port int, reason nflog.Reason) Attempt {
		t.Helper()
		h := testHit(now, port)
		h.Src, h.SrcMAC, h.Dst = addr4(10, 20, 1, from), nflog.MAC{2, from}, addr4(198, 51, 100, to)
		h.Prefix.Reason = reason
		j.Add(h)
		must(0, j.Flush())(t)
		return must(j.Get(keyOf(bucketName(siblings(h.SrcMAC, h.Src).Device, "cam1", reason == nflog.Spoof), h).id().String()))(t)
	}
	if a := try(1, 7, 443, nflog.Egress); !a.Novel || !a.Odd {
		t.Error("the first of all is not new", a)
	}
	if a := try(1, 7, 80, nflog.Egress); a.Novel || a.Odd {
		t.Error("another port of the same host is new", a)
	}
	if a := try(2, 7, 443, nflog.Egress); !a.Novel || a.Odd {
		t.Error("what a sibling did is odd, or not new", a)
	}
	if a := try(3, 7, 443, nflog.Egress); !a.Novel || a.Odd {
		t.Error("odd without siblings", a)
	}
	if a := try(1, 9, 443, nflog.Spoof); a.Novel {
		t.Error("what a forger does is new of the device", a)
	}
	must(0, j.Close())(t)
	j = must(Open(path, o))(t)
	defer j.Close()
	now = now.Add(time.Minute)
	if a := try(1, 7, 8080, nflog.Egress); a.Novel {
		t.Error("new after a restart", a)
	}
	p := must(j.Query(Filter{Where: where("is:new port:443")}))(t)
	if len(p.Attempts) != 3 {
		t.Errorf("%d are new", len(p.Attempts))
	}
	now = now.Add(25 * time.Hour)
	if p := must(j.Query(Filter{Where: where("is:new")}))(t); len(p.Attempts) != 0 {
		t.Errorf("%d are new a day later", len(p.Attempts))
	}
}

// A camera that calls home every minute is told, with its period.
func TestABeaconIsTold(t *testing.T) {
	j := openTest(t, Options{})
	at := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	for n := range 12 {
		for _, repeat := range []time.Duration{0, time.Second, 3 * time.Second} {
			h := testHit(at.Add(time.Duration(n)*time.Minute+repeat), 443)
			h.SrcPort = uint16(40000 + n)
			j.Add(h)
		}
		if n == 5 { // also over a break of the row in memory
			must(0, j.Flush())(t)
			for range idleSettles + 1 {
				j.table.tick()
			}
			must(0, j.prune())(t)
		}
	}
	must(0, j.Flush())(t)
	p := must(j.Query(Filter{Where: where("is:beacon")}))(t)
	if len(p.Attempts) != 1 || p.Attempts[0].Period != time.Minute || p.Attempts[0].Jitter != 0 {
		t.Errorf("%+v", p.Attempts)
	}
}

func addr4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }

// siblings knows three devices, two of them of the same make.
func siblings(mac nflog.MAC, _ netip.Addr) Owner {
	switch mac[1] {
	case 1, 2:
		return Owner{Device: fmt.Sprintf("dev-%d", mac[1]), Kind: "Example X1", Siblings: 1}
	case 3:
		return Owner{Device: "dev-3", Kind: "Other Y2"}
	}
	return Owner{}
}
