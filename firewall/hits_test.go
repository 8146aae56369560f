package firewall_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	nflog "github.com/florianl/go-nflog/v2"

	"github.com/stockade-nvr/stockade/firewall/ruleset"
)

// hitReader is the least that reads hits; the product's own reader is tested with its package.
type hitReader struct {
	mu    sync.Mutex
	byTag map[string][]string // LAYER|REASON
	marks *sightings          // of settle, in the order of the log
	bad   []string
	total int
}

func readHits(t *testing.T) *hitReader {
	t.Helper()
	nf, err := nflog.Open(&nflog.Config{
		Group: ruleset.LogGroup, Copymode: nflog.CopyPacket, Bufsize: 512, QThresh: 64, Timeout: 2,
	})
	must(t, err)
	must(t, nf.Con.SetReadBuffer(4<<20))
	r := &hitReader{byTag: map[string][]string{}, marks: newSightings()}
	ctx, cancel := context.WithCancel(context.Background())
	must(t, nf.RegisterWithErrorFunc(ctx, r.take, func(error) int {
		if ctx.Err() != nil {
			return 1
		}
		return 0
	}))
	t.Cleanup(func() { cancel(); nf.Close() })
	return r
}

func (r *hitReader) take(a nflog.Attribute) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Prefix != nil && *a.Prefix == markerPrefix && a.Payload != nil {
		r.marks.scan(*a.Payload)
		return 0
	}
	r.total++
	if a.Prefix == nil || a.Payload == nil {
		r.bad = append(r.bad, "no prefix or payload")
		return 0
	}
	f := strings.Split(*a.Prefix, "|")
	if len(f) != 5 || f[0] != "S1" || len(*a.Prefix) > 63 {
		r.bad = append(r.bad, *a.Prefix)
		return 0
	}
	p := *a.Payload
	if len(p) > 21 && p[0] == 0x45 && p[9] == 1 && p[20] == 3 && p[21] == 3 && p[14] == 1 { // 10.20.1.0/24
		return 0 // a device's own "port unreachable" quotes our tag
	}
	if tag := tagIn(p); tag != "" {
		r.byTag[tag] = append(r.byTag[tag], f[1]+"|"+f[2])
	}
	return 0
}

func (r *hitReader) of(tag string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byTag[tag]
}

func (r *hitReader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// markerPrefix is what a rule of worstCase logs a marker with.
const markerPrefix = "marker"

// settle waits until everything that was logged so far has been read: the log
// keeps its order, so a marker that is logged now comes after it. Where that
// rule was flushed, it waits until nothing has come for a while.
func (r *hitReader) settle(l *lab) {
	for range 5 {
		mark := newTag()
		local("127.0.0.1", "127.0.0.1", 9)(l, mark)
		if r.marks.soon(mark) {
			return
		}
	}
	before, calm := -1, 0
	l.await("the last hits", func() bool {
		now := r.count()
		if now != before {
			before, calm = now, -1
		}
		calm++
		if calm < 3 {
			time.Sleep(220 * time.Millisecond)
		}
		return calm >= 3
	})
}

// forget drops what was read so far.
func (r *hitReader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.byTag)
}
