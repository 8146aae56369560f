package streams

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// Run keeps the stream playing until ctx ends, and then returns nil, after it
// has told the sink so. It may be called once.
func (s *Stream) Run(ctx context.Context) error {
	p := &supervisor{Stream: s, wait: newBackoff(s.options), reached: time.Now().UTC()}
	defer s.fan.end()
	p.down(CauseStarting, "not tried yet")
	for p.turn.wait(ctx, p.held) == nil && s.options.Starts.Wait(ctx) == nil {
		played, err := p.play(ctx)
		if ctx.Err() != nil {
			break
		}
		cause := p.causeOf(err)
		delay := p.wait.after(cause, played)
		detail := err.Error()
		if cause == CauseAuth {
			delay = p.judged(err, delay)
			detail += "; the next attempt is in " + delay.Round(time.Second).String() + ", so that the account is not locked"
		} else {
			p.turn.untold()
		}
		p.report(cause, detail, delay)
		p.down(cause, detail)
		if err := sleep(ctx, delay); err != nil {
			break
		}
	}
	p.turn.untold()
	p.down(CauseStopped, "stopped by the recorder")
	return nil
}

// held tells that the stream waits, since its credentials were refused.
func (p *supervisor) held(delay time.Duration) {
	if p.told != CauseAuth {
		p.down(CauseAuth, fmt.Sprintf("the camera at %s refused the same username and password for another stream; check the device's username and password_file; the next attempt is in %s",
			p.options.RTSP.Pinned, delay.Round(time.Second)))
	}
}

// judged notes what a camera that let the stream not in said of its account, and
// gives the time until the next attempt.
func (p *supervisor) judged(err error, delay time.Duration) time.Duration {
	var e *rtsp.Error
	if errors.As(err, &e) && e.Kind == rtsp.KindAuth {
		return p.turn.refused()
	}
	p.turn.known()
	return delay
}

// maxClockStep is how far the recorder's clock may be from where it would be
// had nobody set it. A run keeps its own time so that its footage stays in
// order; beyond this its footage would be misdated, and a new run begins (S7).
const maxClockStep = time.Second

var (
	errClockStep = errors.New("the recorder's clock was set")
	errBarren    = errors.New("packets come, but make no access unit")
)

// supervisor is what Run keeps between sessions.
type supervisor struct {
	*Stream
	wait    *backoff
	reached time.Time // end of the footage so far, or when the stream was started
	told    Cause     // what the sink was told last; empty once a part came
	logged  string
}

// play opens a session and plays it to its end, which is err. played is how
// long access units came.
func (p *supervisor) play(ctx context.Context) (played time.Duration, err error) {
	src, err := rtsp.Open(ctx, p.options.RTSP)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	defer context.AfterFunc(ctx, src.Close)()
	now := time.Now()
	run := &media.Run{ID: newRunID(), Camera: p.options.Camera, Stream: p.options.Stream, Start: now.UTC()}
	r := &player{supervisor: p, run: run, leading: max(0, (&media.Format{Tracks: src.Tracks()}).Video())}
	r.assembler = media.NewAssembler(media.AssemblerOptions{
		Run: run, Started: now, Tracks: src.Tracks(), PartDuration: p.options.PartDuration,
		Format: r.format, Unit: r.unit, Part: r.part, Error: r.fault,
	})
	p.begin(src)
	if err = src.Play(r); err == nil {
		p.turn.taken()
		p.opened()
		err = src.Wait()
	}
	// The sink is called no more: what is open of the last part is footage too.
	r.assembler.Close()
	if !r.began.IsZero() {
		played = time.Since(r.began)
		if ctx.Err() == nil { // else nothing broke: it was stopped
			p.mu.Lock()
			p.status.Reconnects++
			p.mu.Unlock()
		}
	}
	return played, err
}

// opened says that a session is up before its first access unit is.
func (p *supervisor) opened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.status.Playing {
		p.status.Detail = "connected; waiting for the first random access unit"
	}
}

// down says that nothing comes, and why.
func (p *supervisor) down(cause Cause, detail string) {
	p.mu.Lock()
	p.status.Playing, p.status.Cause, p.status.Detail, p.status.Since = false, cause, detail, p.reached
	p.mu.Unlock()
	p.fan.setDown(Down{Since: p.reached, Cause: cause, Detail: detail})
	if p.options.Sink != nil && p.told != cause {
		p.options.Sink.Down(p.reached, cause, detail)
	}
	p.told = cause
}

// report logs a failed attempt: once, while it stays the same.
func (p *supervisor) report(cause Cause, detail string, delay time.Duration) {
	if key := string(cause) + detail; key != p.logged {
		p.logged = key
		p.options.Log.Warn("stream down", "cause", cause, "error", detail, "retry", delay.Round(time.Millisecond))
	}
}

// player takes the packets of one session, in the session's goroutine.
type player struct {
	*supervisor
	run       *media.Run
	assembler *media.Assembler
	leading   int       // the track that must not become barren
	began     time.Time // when the first format came

	bore      bool      // the packet at hand ended an access unit of the leading track
	fertile   time.Time // arrival of the last packet that did, or of the first packet
	complaint error     // the camera's last fault since then
}

func (r *player) Packet(track int, h media.RTPHeader, payload []byte, arrival time.Time) error {
	// Before the packet makes a unit: also the first one may come a while after
	// the run began, and would be dated by a clock that is no more.
	if step := r.options.clockStep(r.assembler, arrival); step.Abs() > maxClockStep {
		return fmt.Errorf("%w by %s", errClockStep, step.Round(time.Millisecond))
	}
	r.meter.add(len(payload), arrival)
	if err := r.assembler.Packet(track, h, payload, arrival); err != nil {
		return err
	}
	return r.barren(arrival)
}

// barren ends a session whose packets make nothing for too long. The session's
// own watch counts packets, and a camera whose parameter sets are refused, or
// that never sends a random access unit, gives plenty of them: without this it
// would count as playing for ever, with no gap to show for it (S6). Arrivals
// carry a monotonic reading, so that a step of the clock does not count.
func (r *player) barren(arrival time.Time) error {
	if r.bore || r.fertile.IsZero() {
		r.bore, r.fertile = false, arrival
		return nil
	}
	if arrival.Sub(r.fertile) < r.options.Barren {
		return nil
	}
	why := r.complaint
	switch {
	case why != nil:
	case r.began.IsZero():
		why = errors.New("no random access unit has come")
	default:
		why = errors.New("no access unit is whole")
	}
	return fmt.Errorf("%w of track %d for %s: %w; check the camera's video settings", errBarren, r.leading, r.options.Barren, why)
}

func (r *player) Report(track int, rtp media.RTPTime, ntp, arrival time.Time) {
	r.assembler.Report(track, rtp, ntp, arrival)
}

func (r *player) format(f *media.Format) {
	now := time.Now()
	tracks := make([]TrackStatus, len(f.Tracks))
	for i := range f.Tracks {
		t := &f.Tracks[i]
		tracks[i] = TrackStatus{
			Codec: t.Codec, CodecString: t.CodecString(),
			Width: t.Width, Height: t.Height, SampleRate: t.SampleRate, Channels: t.Channels,
		}
	}
	r.mu.Lock()
	r.status.Tracks, r.status.RunID = tracks, r.run.ID
	if r.began.IsZero() {
		r.began = now
		r.status.Playing, r.status.Cause, r.status.Detail, r.status.Since = true, "", "", now.UTC()
	}
	r.mu.Unlock()
	if f.Serial == 0 {
		r.logged = ""
		r.options.Log.Info("stream up", "run", r.run.ID, "tracks", len(tracks), "codec", tracks[max(f.Video(), 0)].CodecString)
	} else {
		level := slog.LevelInfo
		if f.Serial > 1 { // the first one tells; a camera may go on
			level = slog.LevelDebug
		}
		r.options.Log.Log(context.Background(), level, "format changed", "run", r.run.ID, "serial", f.Serial, "codec", tracks[max(f.Video(), 0)].CodecString)
	}
	r.fan.setFormat(r.run, f)
}

func (r *player) unit(u *media.AccessUnit) {
	r.meter.frames.Add(1)
	if u.Track == r.leading {
		r.bore, r.complaint = true, nil
	}
	r.fan.unit(u)
}

func (r *player) part(p *media.Part) {
	r.meter.lost.Add(uint64(p.Lost))
	r.meter.damaged.Add(uint64(p.Damaged))
	r.reached, r.told = p.End, ""
	if r.options.Sink == nil {
		p.Release()
		return
	}
	r.options.Sink.Part(p)
}

func (r *player) fault(err error) {
	r.complaint = err
	r.options.Log.Warn("fault in the stream", "run", r.run.ID, "error", err)
}

// causeOf turns the end of a session into a cause.
func (p *supervisor) causeOf(err error) Cause {
	var e *rtsp.Error
	switch {
	case errors.Is(err, errClockStep):
		return CauseClockStep
	case errors.Is(err, errBarren), errors.Is(err, media.ErrFormats):
		return CauseProtocol
	}
	if !errors.As(err, &e) {
		return CauseProtocol
	}
	switch e.Kind {
	case rtsp.KindOffline:
		return CauseOffline
	case rtsp.KindAuth, rtsp.KindForbidden:
		return CauseAuth
	case rtsp.KindNetworkLoss:
		return CauseNetworkLoss
	case rtsp.KindNoTracks:
		return CauseNoTracks
	case rtsp.KindForeign:
		return CauseForeign
	case rtsp.KindClosed:
		return CauseStopped
	case rtsp.KindProtocol, rtsp.KindConfig:
		return CauseProtocol
	}
	return CauseProtocol
}

// newRunID gives 8 random hexadecimal digits.
func newRunID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
