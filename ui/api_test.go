package ui_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

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
	began := time.Now()
	if e := next(t, from, "cameras"); !strings.Contains(e.data, `"cause":"auth"`) || !strings.Contains(e.data, `"all":false`) {
		t.Error(e)
	}
	if took := time.Since(began); took > time.Second {
		t.Error("told after", took)
	}

	// What comes while nobody listens is sent on return, and not what was sent before.
	cancel()
	for range from {
	}
	s.block(phone(2, "North gate", "later.example", "198.18.0.6", "TCP", 443, "egress", "L3", "raw-egress"))
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	again := events(ctx, t, base+"/api/v1/attempts/stream", first.id)
	e := next(t, again, "attempts")
	if !strings.Contains(e.data, "later.example") {
		t.Error(e)
	}
	if e := next(t, again, "clock"); !strings.Contains(e.data, "now") {
		t.Error(e)
	}
}

func TestAttemptsArePagedAndBounded(t *testing.T) {
	s := smallSite()
	for i := range 30 {
		s.block(phone(i, "North gate", "", "198.18.0.5", "TCP", 1000+i, "egress", "L3", "raw-egress"))
	}
	base := s.serve(t)
	_, _, body := ask(t, base, "GET", "/api/v1/attempts?limit=10", nil, nil)
	var page ui.AttemptPage
	if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Attempts) != 10 {
		t.Errorf("%d attempts, %v", len(page.Attempts), err)
	}
	if status, _, body := ask(t, base, "GET", "/api/v1/attempts/a0003", nil, nil); status != 200 || !strings.Contains(body, `"evidence"`) {
		t.Error(status, body)
	}
}
