package ui_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/ui"
)

// TestDetailsAreForThoseWhoSeeToTheRecorder: words that a camera, the network or
// a disk put into details reach no viewer and no operator, by no way.
func TestDetailsAreForThoseWhoSeeToTheRecorder(t *testing.T) {
	const marker = "connect 10.20.1.12:554"
	s := twoGroups()
	s.cameras[0].Groups = []string{"north", "vault"}
	s.cameras[0].Streams = []ui.StreamView{{Stream: "main", State: ui.StreamDown, Cause: "camera-offline", Detail: marker, Recording: ui.RecordWaiting}}
	s.streams["gate/main"].set(false, down(streams.CauseOffline, marker))
	site := s.withAccounts(t)
	visitors := everybody(t, site)
	day := "camera=gate&from=" + url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	secrets := []string{marker, recordingPath, "dev-gate", "vault"}
	for who, hears := range map[string]bool{"viewer": false, "operator": false, "narrow": false, "auditor": true, "admin": true, "reader": true} {
		told := map[string]string{
			"events": next(t, site.events(t.Context(), t, visitors[who], "/api/v1/events"), "cameras").data,
			"live":   firstMessage(t, site, visitors[who]),
		}
		wants := map[string][]string{"events": {marker, "dev-gate", "vault"}, "live": {marker}}
		for where, lists := range map[string][]string{
			"/api/v1/cameras": {marker, "dev-gate", "vault"}, "/api/v1/recordings?" + day: {recordingPath}, "/api/v1/gaps?" + day: {marker},
		} {
			if strings.Contains(where, "?") && slices.Contains([]string{"reader", "narrow"}, who) {
				continue // no right to them
			}
			status, _, body := site.ask(t, visitors[who], "GET", where, "")
			decode(t, status, body, &struct{}{})
			told[where], wants[where] = body, lists
		}
		for where, body := range told {
			for _, word := range secrets {
				if heard := strings.Contains(body, word); heard != (hears && slices.Contains(wants[where], word)) {
					t.Errorf("%s at %s: is told of %q: %t", who, where, word, heard)
				}
			}
		}
		if !strings.Contains(told["events"], "camera-offline") || !strings.Contains(told["live"], "camera-offline") {
			t.Errorf("%s is not told the cause: %s %s", who, told["events"], told["live"])
		}
	}
	_, _, body := site.ask(t, visitors["operator"], "GET", "/api/v1/cameras", "")
	if !strings.Contains(body, `"groups":["north"]`) {
		t.Error("an operator is not told the group that was given:", body)
	}
}

// firstMessage gives what a live viewer of gate is told first of its state.
func firstMessage(t *testing.T, site *accountSite, v *visitor) string {
	t.Helper()
	req := site.request(t.Context(), t, v, "/api/v1/live/gate")
	conn, res, err := websocket.Dial(t.Context(), strings.Replace(req.URL.String(), "http", "ws", 1), &websocket.DialOptions{HTTPHeader: req.Header})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		defer res.Body.Close()
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		_, b, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m := struct{ Type string }{}
		if json.Unmarshal(b, &m) == nil && m.Type == "state" {
			return string(b)
		}
	}
}
