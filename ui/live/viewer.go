package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// Rhythm of a connection.
const (
	writeTimeout = 10 * time.Second // of one message: a viewer that takes nothing for so long has gone
	clockEvery   = time.Second
	pingEvery    = 5 // clocks

	// A picture that waited longer than this is not sent: what follows is the
	// newest that a decoder can begin with. It takes a link slower than the stream.
	tooLate = 2 * time.Second
)

// Options of a viewer.
type Options struct {
	Now func() time.Time // the recorder's clock; default time.Now
	// Details says, each time, whether the viewer is told in words why there is no
	// picture: words hold the camera's address. Default: yes.
	Details func() bool
}

// Serve upgrades the request and sends what the reader gives until the browser
// leaves, the stream ends or ctx does, which is the request's or of its making.
// These are no errors. It does not close the reader.
func Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, reader Reader, opt Options) error {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Details == nil {
		opt.Details = func() bool { return true }
	}
	conn, err := websocket.Accept(w, r, nil) // nil: an Origin must be our own Host
	if err != nil {
		return fmt.Errorf("accept WebSocket: %w", err)
	}
	defer func() { _ = conn.CloseNow() }() // the second close of one that ended well says so
	conn.SetReadLimit(1 << 10)             // nothing is expected from a viewer

	left := conn.CloseRead(r.Context()) // ends when the browser does
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(left, cancel)()
	group, watching := errgroup.WithContext(watching)
	v := &viewer{conn: conn, now: opt.Now, details: opt.Details, video: -1}
	group.Go(func() error { return v.pictures(watching, reader) })
	group.Go(func() error { return v.clocks(watching) })
	err = group.Wait()
	switch {
	case ctx.Err() != nil && r.Context().Err() == nil:
		_ = conn.Close(websocket.StatusPolicyViolation, "you may no longer watch this")
		return nil
	case errors.Is(err, io.EOF):
		_ = conn.Close(websocket.StatusGoingAway, "the stream is no longer configured")
		return nil
	case left.Err() != nil:
		return nil // the browser left, or we end
	}
	return err
}

// viewer is one connection.
type viewer struct {
	conn    *websocket.Conn
	now     func() time.Time
	details func() bool

	// Used by pictures alone.
	track    media.Track
	video    int // index of the video track, -1 while nothing can be shown
	started  bool
	fresh    bool // a picture of this format went out in time
	sequence uint32

	mu      sync.Mutex // guards what the clock tells
	mapped  bool
	media   float64 // seconds of media time ...
	capture time.Time
}

// pictures sends formats, units and states as the reader gives them.
func (v *viewer) pictures(ctx context.Context, reader Reader) error {
	for {
		e, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if e.Dropped > 0 {
			if err := v.tell(ctx, skipMessage{"skip", e.Dropped}); err != nil {
				return err
			}
		}
		switch {
		case e.Format != nil:
			err = v.format(ctx, e.Format)
		case e.Down != nil:
			err = v.down(ctx, string(e.Down.Cause), e.Down.Detail)
		case e.Unit != nil && e.Unit.Track == v.video:
			err = v.unit(ctx, e)
		}
		if err != nil {
			return err
		}
	}
}

// format announces what follows and sends its init. Only the pictures go: a
// tile is silent.
func (v *viewer) format(ctx context.Context, f *media.Format) error {
	v.forget()
	video := f.Video()
	if video < 0 {
		return v.down(ctx, string(streams.CauseNoTracks), "the stream has no pictures")
	}
	t := f.Tracks[video]
	init, err := fmp4.Init(&media.Format{Serial: f.Serial, Tracks: []media.Track{t}}, nil)
	if err != nil {
		return v.down(ctx, string(streams.CauseNoTracks), err.Error())
	}
	codecs := t.CodecString()
	if err := v.tell(ctx, formatMessage{
		Type: "format", Mime: `video/mp4; codecs="` + codecs + `"`, Codec: t.Codec.String(), Codecs: codecs,
		Width: t.Width, Height: t.Height, Serial: f.Serial, Now: stamp(v.now()),
	}); err != nil {
		return err
	}
	v.track, v.video = t, video
	return v.write(ctx, websocket.MessageBinary, init)
}

// unit sends one picture. Until the first random access unit there is nothing
// that a decoder could begin with.
func (v *viewer) unit(ctx context.Context, e streams.Event) error {
	if !v.started && !e.Unit.RandomAccess {
		return nil
	}
	if v.late(e.Unit) {
		v.started = false
		return nil
	}
	u := *e.Unit
	u.Track = 0 // the only one of the init
	v.sequence++
	v.remember(&u)
	fragment := fmp4.AppendUnit(make([]byte, 0, fmp4.UnitSize(&u)), v.sequence, &u, e.Duration)
	if err := v.write(ctx, websocket.MessageBinary, fragment); err != nil {
		return err
	}
	if v.started {
		return nil
	}
	v.started = true
	return v.clock(ctx) // the page can tell the picture's age from the first one on
}

// late reports whether a picture waited too long to be shown as live. The units
// that a viewer starts with are older on purpose: a decoder needs them.
func (v *viewer) late(u *media.AccessUnit) bool {
	old := v.now().Sub(u.Capture) > tooLate
	v.fresh = v.fresh || !old
	return v.fresh && old
}

// down says that there is no picture, and why: in words to those who hear them.
func (v *viewer) down(ctx context.Context, cause, detail string) error {
	v.forget()
	if !v.details() {
		detail = ""
	}
	return v.tell(ctx, stateMessage{"state", "down", cause, detail})
}

// forget begins anew: what was said of media time no longer holds.
func (v *viewer) forget() {
	v.video, v.started, v.fresh = -1, false, false
	v.mu.Lock()
	v.mapped = false
	v.mu.Unlock()
}

// remember keeps which media time was captured when.
func (v *viewer) remember(u *media.AccessUnit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mapped, v.capture = true, u.Capture
	v.media = float64(u.PTS) / float64(v.track.ClockRate)
}

// clocks tells the time and looks whether the browser is still there.
func (v *viewer) clocks(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := v.clock(ctx); err != nil {
			return err
		}
		if n%pingEvery == 0 {
			if err := v.ping(ctx); err != nil {
				return err
			}
		}
	}
}

func (v *viewer) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return v.conn.Ping(ctx)
}

func (v *viewer) clock(ctx context.Context) error {
	m := clockMessage{Type: "clock", Now: stamp(v.now())}
	v.mu.Lock()
	if v.mapped {
		at := v.media
		m.Media, m.Capture = &at, stamp(v.capture)
	}
	v.mu.Unlock()
	return v.tell(ctx, m)
}

func (v *viewer) tell(ctx context.Context, m any) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("marshal live message: %w", err)
	}
	return v.write(ctx, websocket.MessageText, text)
}

func (v *viewer) write(ctx context.Context, kind websocket.MessageType, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return v.conn.Write(ctx, kind, b)
}
