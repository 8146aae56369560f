package firewall_test

import (
	"bytes"
	"testing"
)

// The truth about a flat network, where another gateway hangs on the cameras'
// switch: the box is not on that way, so nothing that is armed on it stops a
// packet, or even sees one. What cameras send to the box itself stays closed.
// Why the product must call such a network not enforced, and what to do instead:
// docs/containment.md, "Where it ends".
func TestAFlatNetworkCannotBeEnforced(t *testing.T) {
	l := newLabOn(t, onFlat)
	l.proveLeaks(t)
	l.arm(l.policy())
	hits := readHits(t)

	// By the recorder everything is as closed as anywhere.
	results := l.run(probes(), perProbe, hits)
	for _, p := range probes() {
		if leaked := results[p.name].leaked > 0; leaked != p.onSwitch {
			t.Errorf("by the recorder: %s: leaked %t", p.name, leaked)
		}
	}

	// By the other gateway everything is open: the same frames, to its MAC.
	sent := map[string]string{}
	for _, p := range probes() {
		if p.at&atOutside == 0 || p.frames == nil {
			continue
		}
		tag := newTag()
		for _, f := range p.frames(tag) {
			if bytes.Equal(f.frame[:6], bridgeMAC) {
				copy(f.frame, wayOutMAC)
				f.from(l).send(t, f.frame)
				sent[p.name] = tag
			}
		}
	}
	if len(sent) < 80 {
		t.Fatalf("only %d paths to the outside", len(sent))
	}
	l.settle()
	hits.settle(l)
	seen := 0
	for name, tag := range sent {
		if l.gateway.saw.count(tag) == 0 {
			t.Errorf("by the other gateway: %s is stopped: the documents say that nothing is", name)
		}
		if len(hits.of(tag)) > 0 {
			seen++
		}
	}
	if seen > 0 {
		t.Errorf("%d paths by the other gateway were seen: the documents say that none is", seen)
	}
	t.Logf("%d paths led out by the other gateway, %d of them seen by the recorder", len(sent), seen)
}
