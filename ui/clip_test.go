package ui_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
)

const (
	clipFPS    = 15
	clipFrames = 60 // four seconds, a random access unit each second
)

// clip is an encoded film that a fake camera plays in a loop.
type clip struct {
	track media.Track
	units [][]byte // AVCC
	keys  []bool
}

// encode makes a clip with ffmpeg: real pictures, as a camera would send them.
func encode(t *testing.T, codec, size string) *clip {
	t.Helper()
	args := []string{
		"-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i",
		"testsrc2=size=" + size + ":rate=" + strconv.Itoa(clipFPS), "-frames:v", strconv.Itoa(clipFrames), "-pix_fmt", "yuv420p",
	}
	gop := strconv.Itoa(clipFPS)
	if codec == "hevc" {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
			"log-level=none:aud=1:repeat-headers=1:bframes=0:keyint="+gop+":min-keyint="+gop+":scenecut=0:open-gop=0")
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-x264-params",
			"aud=1:repeat-headers=1:bframes=0:keyint="+gop+":scenecut=0:sliced-threads=0")
	}
	out, err := exec.Command("ffmpeg", append(args, "-f", codec, "-")...).Output()
	if err != nil {
		t.Fatal("encode clip (apt-get install ffmpeg):", err)
	}
	return split(t, codec, out)
}

// split cuts an Annex B stream with access unit delimiters into access units.
func split(t *testing.T, codec string, stream []byte) *clip {
	t.Helper()
	var nalus h264.AnnexB
	if err := nalus.Unmarshal(stream); err != nil {
		t.Fatal("read Annex B:", err)
	}
	c := &clip{track: media.Track{Codec: media.H264, ClockRate: 90000, Width: 640, Height: 360}}
	if codec == "hevc" {
		c.track.Codec = media.H265
	}
	for _, n := range nalus {
		kind := int(n[0] & 0x1f)
		if codec == "hevc" {
			kind = 100 + int(n[0]>>1)&0x3f
		}
		switch kind {
		case 9, 135: // access unit delimiter
			c.units, c.keys = append(c.units, nil), append(c.keys, false)
			continue
		case 7, 133:
			c.track.SPS = n
			continue
		case 8, 134:
			c.track.PPS = n
			continue
		case 132:
			c.track.VPS = n
			continue
		case 5, 119, 120:
			c.keys[len(c.keys)-1] = true
		}
		i := len(c.units) - 1
		c.units[i] = append(c.units[i], byte(len(n)>>24), byte(len(n)>>16), byte(len(n)>>8), byte(len(n)))
		c.units[i] = append(c.units[i], n...)
	}
	if len(c.units) != clipFrames || !c.keys[0] || c.track.SPS == nil {
		t.Fatalf("clip has %d units, want %d; first is key: %v", len(c.units), clipFrames, c.keys[0])
	}
	return c
}

// fakeStream plays a clip in a loop, for any number of readers, and fails as it is told.
type fakeStream struct {
	clip  *clip
	start time.Time

	mu      sync.Mutex // guards what follows
	frozen  bool       // no unit comes any more
	down    *streams.Down
	changed chan struct{} // closed when one of them changed
	readers int
}

func newFakeStream(c *clip) *fakeStream {
	return &fakeStream{clip: c, start: time.Now(), changed: make(chan struct{})}
}

func (s *fakeStream) set(frozen bool, down *streams.Down) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozen, s.down = frozen, down
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeStream) state() (bool, *streams.Down, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen, s.down, s.changed
}

func (s *fakeStream) viewers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers
}

// fakeReader begins with the GOP cache: the newest random access unit.
type fakeReader struct {
	s      *fakeStream
	told   bool // format, or down, of the present state
	isDown bool
	next   int // unit
}

func (s *fakeStream) subscribe() *fakeReader {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers++
	return &fakeReader{s: s}
}

func (r *fakeReader) Close() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.readers--
}

func (r *fakeReader) Next(ctx context.Context) (streams.Event, error) {
	for {
		frozen, down, changed := r.s.state()
		if down != nil != r.isDown {
			r.isDown, r.told = down != nil, false
		}
		if !r.told {
			r.told = true
			if down != nil {
				return streams.Event{Down: down}, nil
			}
			now := int(time.Since(r.s.start) * clipFPS / time.Second)
			r.next = now - now%clipFPS
			return streams.Event{Run: &media.Run{ID: "01234567", Start: r.s.start}, Format: &media.Format{Tracks: []media.Track{r.s.clip.track}}}, nil
		}
		due := r.s.start.Add(time.Duration(r.next) * time.Second / clipFPS)
		timer := time.NewTimer(time.Until(due))
		if frozen || down != nil {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return streams.Event{}, ctx.Err()
		case <-changed:
			continue
		case <-timer.C:
		}
		i := r.next % clipFrames
		r.next++
		at := media.MediaTime(r.next-1) * 90000 / clipFPS
		return streams.Event{Duration: 90000 / clipFPS, Unit: &media.AccessUnit{
			DTS: at, PTS: at, Capture: due, RandomAccess: r.s.clip.keys[i], Payload: [][]byte{r.s.clip.units[i]},
		}}, nil
	}
}

// film makes an MP4 of n seconds, as playback gives one.
func film(t *testing.T, codec, size string, seconds int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.mp4")
	args := []string{
		"-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=15",
		"-t", strconv.Itoa(seconds), "-pix_fmt", "yuv420p", "-g", "15", "-c:v", codec, "-preset", "ultrafast",
		"-movflags", "frag_keyframe+empty_moov+default_base_moof", path,
	}
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("encode film: %v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// memory is content in memory that counts how often it was closed.
type memory struct {
	*bytes.Reader
	closed func()
}

func (m memory) Close() error {
	m.closed()
	return nil
}

var _ io.ReadSeekCloser = memory{}
