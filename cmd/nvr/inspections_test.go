package main

import "testing"

// TestADeviceIsAskedOnceAtATime: rounds that sign at once lock accounts.
func TestADeviceIsAskedOnceAtATime(t *testing.T) {
	n := newInspections(nil)
	if !n.begin("dev-a") || n.begin("dev-a") || !n.begin("dev-b") {
		t.Error("a device is asked twice at once, or only one at all")
	}
	if n.end("dev-a"); !n.begin("dev-a") {
		t.Error("a device is never asked again")
	}
}
