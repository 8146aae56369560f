package firewall_test

import (
	"bytes"
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
	bad   []string
	total int
}

func readHits(t *testing.T) *hitReader {
	t.Helper()
	nf, err := nflog.Open(&nflog.Config{
		Group: ruleset.LogGroup, Copymode: nflog.CopyPacket, Bufsize: 512, QThresh: 64, Timeout: 10,
	})
	must(t, err)
	must(t, nf.Con.SetReadBuffer(4<<20))
	r := &hitReader{byTag: map[string][]string{}}
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
	if len(p) > 20 && p[0] == 0x45 && p[9] == 1 && p[20] == 3 {
		return 0 // a device's own "port unreachable" quotes our tag
	}
	for i := bytes.IndexByte(p, '#'); i >= 0 && len(p) >= i+6; i = bytes.IndexByte(p, '#') {
		if digits(p[i+1 : i+6]) {
			tag := string(p[i : i+6])
			r.byTag[tag] = append(r.byTag[tag], f[1]+"|"+f[2])
			break
		}
		p = p[i+1:]
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

// settle waits until no batch is on its way any more: the kernel holds one for
// 100 ms at most, and a busy machine may take a while to read it.
func (r *hitReader) settle(l *lab) {
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
