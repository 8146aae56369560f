package canary

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Canary makes rounds, and takes the hits of its own packets out of the log.
type Canary struct {
	turn sync.Mutex // one round at a time

	// nonces are of the round that runs or ran last, and of the one before it: hits
	// come late on a busy box. Nil before the first.
	nonces atomic.Pointer[[2]nonce]
	count  atomic.Uint64

	mu   sync.Mutex // guards hits
	hits map[int]map[string]bool
}

// New makes a Canary. It touches nothing.
func New() *Canary { return &Canary{hits: map[int]map[string]bool{}} }

// Hit takes a packet that was dropped and logged, and tells whether the canary
// sent it. Payload begins with the packet's IP header, or with what a frame of
// another type carries. No camera can pass for a canary: the number that marks a
// round's packets is random, and never leaves the box.
func (c *Canary) Hit(layer, reason string, payload []byte) bool {
	n := c.nonces.Load()
	if n == nil {
		return false
	}
	if path, ok := n[0].find(payload); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.hits[path] == nil {
			c.hits[path] = map[string]bool{}
		}
		c.hits[path][layer+" "+reason] = true
		c.count.Add(1)
		return true
	}
	if n[1] != (nonce{}) && bytes.Contains(payload, n[1][:]) {
		c.count.Add(1)
		return true
	}
	return false
}

// Own tells whether the canary sent a packet, and makes nothing of it.
func (c *Canary) Own(payload []byte) bool {
	n := c.nonces.Load()
	return n != nil && (bytes.Contains(payload, n[0][:]) || n[1] != (nonce{}) && bytes.Contains(payload, n[1][:]))
}

// Hits is how many packets of the canary's own were among those logged.
func (c *Canary) Hits() uint64 { return c.count.Load() }

// find finds a tag of this round in a frame or a part of one.
func (n nonce) find(frame []byte) (path int, ok bool) {
	i := bytes.Index(frame, n[:])
	if i < 0 || len(frame) < i+tagBytes {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(frame[i+nonceBytes:])), true
}

// hitsOf lists the hits of a path so far.
func (c *Canary) hitsOf(path int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.hits[path]))
}

// begin makes the number of a round.
func (c *Canary) begin() (nonce, error) {
	var n nonce
	if _, err := rand.Read(n[:]); err != nil {
		return n, fmt.Errorf("make the number of a round: %w", err)
	}
	next := [2]nonce{n}
	if before := c.nonces.Load(); before != nil {
		next[1] = before[0]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.hits)
	c.nonces.Store(&next)
	return n, nil
}

// Round tries every path once, and again what was not seen. Its hits must come to
// Hit meanwhile. It waits for a round that runs, and ends early with ctx.
func (c *Canary) Round(ctx context.Context, s Site) Proof {
	c.turn.Lock()
	defer c.turn.Unlock()
	p := Proof{Began: time.Now()}
	if err := c.round(ctx, s, &p); err != nil {
		p.Fault = err.Error()
	}
	p.Took = time.Since(p.Began)
	return p
}
