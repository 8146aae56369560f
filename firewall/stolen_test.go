package firewall_test

import "testing"

// C4, and where it ends: a bridge sends to a MAC by the port where it heard it
// last. A camera that speaks with another one's MAC gets what the recorder sends
// to that one, until that one speaks again, however few of its own packets get
// anywhere. What hinders it is binding a device to its port.
func TestAStolenMACIsHeardWhereDevicesAreNotBound(t *testing.T) {
	l := newLab(t)
	steal := func() (stolen bool) {
		l.camA.send(t, as4(bridgeMAC, camBMAC, camBIP, recorderIP, datagram(53))(newTag()))
		tag := newTag()
		local(recorderIP, camBIP, 80)(l, tag)
		l.settle()
		stolen = l.camA.saw.count(tag) > 0
		for _, f := range healed(func(string) []posted { return nil })("") {
			f.from(l).send(t, f.frame)
		}
		return stolen
	}
	if !steal() {
		t.Fatal("nothing is stolen with protection off: the test proves nothing")
	}
	l.arm(policy())
	if !steal() {
		t.Error("nothing is stolen where devices are not bound to ports: docs/containment.md says that it is")
	}
}
