package ui_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

func sameWords(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// TestDocumentAndViewsAgree compares each schema with the type that is sent:
// every field of either is in the other.
func TestDocumentAndViewsAgree(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for name, view := range map[string]any{
		"Problem": ui.Problem{}, "Health": ui.HealthView{}, "Device": ui.DeviceView{}, "Stream": ui.StreamView{}, "Camera": ui.CameraView{},
		"Containment": ui.ContainmentView{}, "Recording": ui.RecordingView{}, "Gap": ui.GapView{}, "Attempt": ui.AttemptView{}, "Cloud": ui.CloudView{}, "Said": ui.SaidView{},
		"User": auth.User{}, "Passkey": auth.Passkey{}, "OpenSession": auth.Session{}, "Token": auth.Token{}, "Confirmation": auth.Confirmation{},
		"Entry": audit.Entry{}, "Report": audit.Report{},
		"Site": struct {
			ui.SiteView
			Now string `json:"now"`
		}{},
	} {
		sameFields(t, doc.Components.Schemas, doc.Components.Schemas[name], reflect.TypeOf(view), name)
	}
}

// schema is what the document says of a value.
type schema struct {
	Ref        string            `json:"$ref"`
	Properties map[string]schema `json:"properties"`
	Items      *schema           `json:"items"`
}

func sameFields(t *testing.T, all map[string]schema, s schema, v reflect.Type, at string) {
	t.Helper()
	if s.Ref != "" {
		s = all[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	switch v.Kind() {
	case reflect.Pointer:
		sameFields(t, all, s, v.Elem(), at)
	case reflect.Slice:
		if s.Items != nil {
			sameFields(t, all, *s.Items, v.Elem(), at+"[]")
		}
	case reflect.Struct:
		if v == reflect.TypeFor[time.Time]() {
			return
		}
		var sent, described []string
		for _, f := range reflect.VisibleFields(v) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || f.Anonymous {
				continue
			}
			sent = append(sent, name)
			sameFields(t, all, s.Properties[name], f.Type, at+"."+name)
		}
		for name := range s.Properties {
			described = append(described, name)
		}
		if !sameWords(sent, described) {
			t.Errorf("%s: sent %v\ndescribed %v", at, sent, described)
		}
	}
}

func TestPlayAnswersRanges(t *testing.T) {
	s := smallSite()
	base := s.serve(t)
	from := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	target := "/api/v1/play?camera=gate&from=" + from
	status, header, body := ask(t, base, "GET", target, map[string]string{"Range": "bytes=4-9"}, nil)
	if status != http.StatusPartialContent || body != "a film" || header.Get("ETag") != `"film"` {
		t.Errorf("status %d, body %q, %v", status, body, header)
	}
	if header.Get("Content-Type") != "video/mp4" || header.Get("Accept-Ranges") != "bytes" {
		t.Error(header)
	}
	if status, _, _ := ask(t, base, "GET", target, map[string]string{"If-None-Match": `"film"`}, nil); status != http.StatusNotModified {
		t.Error("status", status)
	}
	if status, _, _ := ask(t, base, "GET", "/api/v1/frame?camera=gate&at=2020-01-01T00:00:00Z", nil, nil); status != http.StatusNotFound {
		t.Error("status", status)
	}
	if n := s.clips.Load(); n != 0 {
		t.Errorf("%d clips left open", n)
	}
}

// event is one server-sent event.
type event struct{ name, id, data string }

// events follows a stream until ctx ends.
func events(ctx context.Context, t *testing.T, url, last string) <-chan event {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	return follow(t, req)
}

// follow reads the events of an answer until it ends.
func follow(t *testing.T, req *http.Request) <-chan event {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatal("status", res.StatusCode)
	}
	out := make(chan event, 100)
	go func() {
		defer close(out)
		defer res.Body.Close()
		var e event
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out
}

// next waits for an event of a name.
func next(t *testing.T, from <-chan event, name string) event {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-from:
			if !ok {
				t.Fatalf("the stream ended before %q", name)
			}
			if e.name == name {
				return e
			}
		case <-timeout:
			t.Fatalf("no %q", name)
		}
	}
}

func TestEventsSendWhatChangedAndResume(t *testing.T) {
	s := smallSite()
	base := s.serve(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	from := events(ctx, t, base+"/api/v1/events", "")
	for _, name := range []string{"site", "health", "cameras", "containment"} {
		next(t, from, name)
	}
	s.block(phone(1, "North gate", "cloud.example", "198.18.0.5", "TCP", 443, "egress", "L3", "raw-egress"))
	first := next(t, from, "attempts")
	if !strings.Contains(first.data, "cloud.example") || first.id == "" {
		t.Fatal(first)
	}

	// A state of a camera is told within a second, its figures later.
	s.mu.Lock()
	list := slices.Clone(s.cameras)
	list[0].Streams = slices.Clone(list[0].Streams)
	list[0].Streams[0].State, list[0].Streams[0].Cause = ui.StreamDown, "auth"
	s.cameras = list
	s.mu.Unlock()
	if e := next(t, from, "cameras"); !strings.Contains(e.data, `"cause":"auth"`) || !strings.Contains(e.data, `"all":false`) {
		t.Error(e)
	}

	// What comes while nobody listens is sent on return.
	cancel()
	for range from {
	}
	s.block(phone(2, "North gate", "later.example", "198.18.0.6", "TCP", 443, "egress", "L3", "raw-egress"))
	again := stream(t, base+"/api/v1/attempts/stream", first.id)
	e := next(t, again, "attempts")
	if !strings.Contains(e.data, "later.example") {
		t.Error(e)
	}
	if e := next(t, again, "clock"); !strings.Contains(e.data, "now") {
		t.Error(e)
	}
}

// stream follows an event stream until the test ends.
func stream(t *testing.T, url, last string) <-chan event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return events(ctx, t, url, last)
}

// TestWhoeverWasToldOfNothingYetResumes: the id of any event will do.
func TestWhoeverWasToldOfNothingYetResumes(t *testing.T) {
	s := smallSite()
	base := s.serve(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	from := events(ctx, t, base+"/api/v1/events", "")
	id := next(t, from, "site").id
	cancel()
	for range from {
	}
	s.block(phone(1, "North gate", "cloud.example", "198.18.0.5", "TCP", 443, "egress", "L3", "raw-egress"))
	if e := next(t, stream(t, base+"/api/v1/events", id), "attempts"); !strings.Contains(e.data, "cloud.example") {
		t.Error(e)
	}
}

// TestAResumedStreamSkipsNothing: pages come newest first, so who is cut off
// between them must start over, and sightings are told a little out of order.
func TestAResumedStreamSkipsNothing(t *testing.T) {
	s := smallSite()
	now := time.Now().UTC()
	since := now.Add(-time.Hour)
	for i := range 620 { // two pages, the oldest from before the instant to resume from
		a := phone(i, "North gate", "", "198.18.0.5", "TCP", 1000+i, "egress", "L3", "raw-egress")
		a.First, a.Last, a.Count = since, since.Add(time.Duration(i-5)*time.Second), 1
		s.attempts = append(s.attempts, a)
	}
	base := s.serve(t)
	id := since.Format(time.RFC3339Nano)
	from := stream(t, base+"/api/v1/attempts/stream", id)
	seen := map[string]bool{}
	for pages := 1; len(seen) < 620; pages++ {
		e := next(t, from, "attempts")
		var list []ui.AttemptView
		if err := json.Unmarshal([]byte(e.data), &list); err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			seen[a.ID] = true
		}
		got, err := time.Parse(time.RFC3339Nano, e.id)
		if err != nil {
			t.Fatal(err)
		}
		if last := len(seen) == 620; last != got.After(since) || pages > 2 {
			t.Fatalf("page %d of %d attempts in all has id %s", pages, len(seen), e.id)
		}
	}

	// Of more than can be sent, and after a clock that was set back, the page reads its list anew.
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)
	next(t, stream(t, base+"/api/v1/attempts/stream", future), "reset")
	s.mu.Lock()
	for i := range 2000 {
		a := phone(1000+i, "North gate", "", "198.18.0.5", "UDP", 1000+i, "egress", "L3", "raw-egress")
		a.First, a.Last, a.Count = since, since.Add(time.Second), 1
		s.attempts = append(s.attempts, a)
	}
	s.mu.Unlock()
	e := next(t, stream(t, base+"/api/v1/attempts/stream", id), "reset")
	if got, err := time.Parse(time.RFC3339Nano, e.id); err != nil || !got.After(since) {
		t.Error("id after reset:", e.id, err)
	}
}

func TestAttemptsArePagedAndBounded(t *testing.T) {
	s := smallSite()
	for i := range 30 {
		s.block(phone(i, "North gate", "", "198.18.0.5", "TCP", 1000+i, "egress", "L3", "raw-egress"))
	}
	base := s.serve(t)
	seen, pages := map[string]bool{}, 0
	for cursor := "first"; cursor != ""; pages++ {
		target := "/api/v1/attempts?limit=7"
		if pages > 0 {
			target += "&cursor=" + url.QueryEscape(cursor)
		}
		status, _, body := ask(t, base, "GET", target, nil, nil)
		var page ui.AttemptPage
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || len(page.Attempts) == 0 || len(page.Attempts) > 7 {
			t.Fatalf("status %d, %d attempts, %v", status, len(page.Attempts), err)
		}
		for _, a := range page.Attempts {
			seen[a.ID] = true
		}
		cursor = page.Next
	}
	if len(seen) != 30 || pages != 5 {
		t.Errorf("%d attempts on %d pages, want 30 on 5", len(seen), pages)
	}
	if status, _, body := ask(t, base, "GET", "/api/v1/attempts/a0003", nil, nil); status != 200 || !strings.Contains(body, `"evidence"`) {
		t.Error(status, body)
	}
}
