package live_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/ui/live"
)

// script is a Reader that yields its events and then ends, or waits.
type script struct {
	events chan streams.Event
}

func (s *script) Next(ctx context.Context) (streams.Event, error) {
	select {
	case e, ok := <-s.events:
		if !ok {
			return streams.Event{}, io.EOF
		}
		return e, nil
	case <-ctx.Done():
		return streams.Event{}, ctx.Err()
	}
}

func (s *script) Close() {}

func format(serial int) streams.Event {
	// Parameter sets of a 1920×1080 picture, baseline profile.
	return streams.Event{Format: &media.Format{Serial: serial, Tracks: []media.Track{
		{Codec: media.AAC, ClockRate: 48000, AudioConfig: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2},
		{
			Codec: media.H264, ClockRate: 90000, Width: 16, Height: 16,
			SPS: []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20},
			PPS: []byte{0x68, 0xcb, 0x83, 0xcb, 0x20},
		},
	}}}
}

func unit(track int, at media.MediaTime, key bool) streams.Event {
	return streams.Event{Duration: 3000, Unit: &media.AccessUnit{
		Track: track, DTS: at, PTS: at, Capture: time.Unix(1_800_000_000, 0), RandomAccess: key, Payload: [][]byte{{0, 0, 0, 2, 0x65, 0x88}},
	}}
}

// watch connects to a viewer of the script; ended gives what Serve returned.
func watch(t *testing.T, s *script, opt live.Options) (conn *websocket.Conn, ctx context.Context, ended <-chan error) {
	t.Helper()
	done := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done <- live.Serve(r.Context(), w, r, s, opt)
	}))
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, ctx, done
}

// read gives the next message but clocks: "box moof" for MP4, or the JSON.
func read(ctx context.Context, t *testing.T, conn *websocket.Conn) (text map[string]any, box string) {
	t.Helper()
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if kind == websocket.MessageBinary {
			return nil, string(b[4:8])
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		if m["type"] != "clock" {
			return m, ""
		}
	}
}

func expectBox(ctx context.Context, t *testing.T, conn *websocket.Conn, want string) {
	t.Helper()
	if m, box := read(ctx, t, conn); box != want {
		t.Fatalf("got %v %q, want %s", m, box, want)
	}
}

func expectMessage(ctx context.Context, t *testing.T, conn *websocket.Conn, want map[string]any) {
	t.Helper()
	m, box := read(ctx, t, conn)
	for k, v := range want {
		if m[k] != v {
			t.Fatalf("got %v %q, want %v", m, box, want)
		}
	}
}

func TestViewerGetsInitThenPicturesFromARandomAccessUnitOn(t *testing.T) {
	s := &script{make(chan streams.Event, 20)}
	for _, e := range []streams.Event{
		format(0), unit(1, 0, false), unit(0, 0, true), unit(1, 3000, true), unit(1, 6000, false),
		format(1), unit(1, 9000, true),
		{Down: &streams.Down{Cause: streams.CauseAuth, Detail: "refused"}},
		format(0),
		{Dropped: 7, Duration: 3000, Unit: unit(1, 0, true).Unit},
	} {
		s.events <- e
	}
	conn, ctx, ended := watch(t, s, live.Options{})
	expectMessage(ctx, t, conn, map[string]any{"type": "format", "codec": "H.264", "codecs": "avc1.42C028", "mime": `video/mp4; codecs="avc1.42C028"`, "width": 16.0})
	expectBox(ctx, t, conn, "ftyp")
	expectBox(ctx, t, conn, "moof") // the first unit is not one to begin with, the second is sound
	expectBox(ctx, t, conn, "moof")
	expectMessage(ctx, t, conn, map[string]any{"type": "format", "serial": 1.0})
	expectBox(ctx, t, conn, "ftyp")
	expectBox(ctx, t, conn, "moof")
	expectMessage(ctx, t, conn, map[string]any{"type": "state", "state": "down", "cause": "auth", "detail": "refused"})
	expectMessage(ctx, t, conn, map[string]any{"type": "format", "serial": 0.0})
	expectBox(ctx, t, conn, "ftyp")
	expectMessage(ctx, t, conn, map[string]any{"type": "skip", "units": 7.0})
	expectBox(ctx, t, conn, "moof")
	close(s.events)
	var err error
	for err == nil { // clocks may be on their way
		_, _, err = conn.Read(ctx)
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Error("the end of the stream was told as", err)
	}
	if err := <-ended; err != nil {
		t.Error("serve:", err)
	}
}

func TestPicturesThatWaitedAreLeftOutUpToOneThatIsInTime(t *testing.T) {
	s := &script{make(chan streams.Event, 20)}
	now := time.Unix(1_800_000_100, 0)
	aged := func(at media.MediaTime, key bool, age time.Duration) streams.Event {
		e := unit(1, at, key)
		e.Unit.Capture = now.Add(-age)
		return e
	}
	for _, e := range []streams.Event{
		format(0),
		aged(0, true, 4*time.Second), aged(3000, false, 3*time.Second), // what a decoder begins with may be old
		aged(6000, false, 100*time.Millisecond),
		aged(9000, false, 2500*time.Millisecond), aged(12000, true, 2200*time.Millisecond), // waited behind a slow link
		aged(15000, false, 0), // hangs on those that were left out
		aged(18000, true, 0),
	} {
		s.events <- e
	}
	close(s.events)
	conn, ctx, _ := watch(t, s, live.Options{Now: func() time.Time { return now }})
	expectMessage(ctx, t, conn, map[string]any{"type": "format"})
	pictures := -1 // the init is no picture
	for {
		kind, _, err := conn.Read(ctx)
		if err != nil {
			break
		}
		if kind == websocket.MessageBinary {
			pictures++
		}
	}
	if pictures != 4 {
		t.Error("pictures sent:", pictures, "want the three before the wait and the one after it")
	}
}

func TestStreamWithoutPicturesSaysSo(t *testing.T) {
	s := &script{make(chan streams.Event, 3)}
	sound := format(0)
	sound.Format.Tracks = sound.Format.Tracks[:1]
	s.events <- sound
	s.events <- unit(0, 0, true)
	missing := format(1)
	missing.Format.Tracks[1].PPS, missing.Format.Tracks[1].SPS = nil, nil
	s.events <- missing
	conn, ctx, _ := watch(t, s, live.Options{})
	expectMessage(ctx, t, conn, map[string]any{"type": "state", "cause": "no-usable-tracks"})
	expectMessage(ctx, t, conn, map[string]any{"type": "state", "cause": "no-usable-tracks"})
}

func TestViewerThatLeavesIsNoError(t *testing.T) {
	s := &script{make(chan streams.Event)}
	conn, _, ended := watch(t, s, live.Options{})
	_ = conn.CloseNow()
	select {
	case err := <-ended:
		if err != nil {
			t.Error("serve:", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the viewer is still served")
	}
}

func TestClockTellsWhenAPictureWasCaptured(t *testing.T) {
	s := &script{make(chan streams.Event, 2)}
	s.events <- format(0)
	s.events <- unit(1, 180000, true)
	conn, ctx, _ := watch(t, s, live.Options{})
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Type, Now, Capture string
			Media              float64
		}
		if kind != websocket.MessageText || json.Unmarshal(b, &m) != nil || m.Type != "clock" || m.Capture == "" {
			continue
		}
		if m.Media != 2 || m.Capture != "2027-01-15T08:00:00Z" {
			t.Errorf("%s", b)
		}
		return
	}
}
