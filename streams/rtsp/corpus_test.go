package rtsp_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/stockade-nvr/stockade/streams/rtsp"
)

// expectedTracks is what real cameras' answers must give. Files that are not
// named here must give tracks or a clear error.
var expectedTracks = map[string]string{
	"retina_bunny_describe.txt":                "AAC/12000 H.264/90000",
	"retina_response.txt":                      "AAC/12000 H.264/90000",
	"retina_dahua_describe_h264_aac_onvif.txt": "H.264/90000 AAC/48000",
	"retina_hikvision_describe.txt":            "H.264/90000",
	"retina_reolink_describe.txt":              "H.264/90000 AAC/16000",
	"retina_tplink_sdp.txt":                    "H.265/90000",
	"axis_gstreamer_h264_describe.rtsp":        "H.264/90000",
	"axis_m1011.sdp":                           "H.264/90000",
	"go2rtc_TestBugSDP1.sdp":                   "H.264/90000 AAC/8000",
	"go2rtc_TestBugSDP3.sdp":                   "H.264/90000 AAC/16000",
	"gortsplib_issue_mediamtx_990_tp_link.sdp": "H.265/90000",
}

var hosts = regexp.MustCompile(`rtsp://[0-9A-Za-z.-]+(:[0-9]+)?`)

func TestCorpus(t *testing.T) {
	var files []string
	for _, pattern := range []string{"rtsp/*describe*", "rtsp/*.sdp", "rtsp/*sdp.txt", "rtsp/retina_response.txt", "sdp/*.sdp"} {
		found, err := filepath.Glob("../../../shared/corpus/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			contentBase, sdp := "", string(b)
			if strings.HasPrefix(sdp, "RTSP/") {
				head, body, _ := strings.Cut(strings.ReplaceAll(sdp, "\r\n", "\n"), "\n\n")
				sdp = strings.ReplaceAll(body, "\n", "\r\n")
				if m := regexp.MustCompile(`(?i)content-base: *(.*)`).FindStringSubmatch(head); m != nil {
					contentBase = m[1]
				}
			}
			foreign := hosts.MatchString(contentBase + sdp)
			for _, ours := range []bool{true, false} {
				cam := startCamera(t, &camera{sdp: sdp})
				given, host := contentBase, "rtsp://"+cam.listener.Addr().String()
				if ours { // as if the camera had been at its pinned address
					cam.sdp = hosts.ReplaceAllString(sdp, host)
					given = hosts.ReplaceAllString(contentBase, host)
				} else if !foreign {
					continue
				}
				cam.hook = func(q *base.Request, r *base.Response) *base.Response {
					if q.Method == base.Describe && given != "" {
						r.Header["Content-Base"] = base.HeaderValue{given}
					}
					return r
				}
				s, err := rtsp.Open(context.Background(), cam.config())
				want, named := expectedTracks[filepath.Base(file)]
				var e *rtsp.Error
				switch {
				case !ours:
					// What it describes may be nothing that we use, and then its host is not looked at.
					if err == nil || errors.As(err, &e) && e.Kind == rtsp.KindOffline {
						t.Errorf("hosts of the camera's own choosing: %v", err)
					}
				case err != nil && (named || !errors.As(err, &e) || e.Kind == rtsp.KindOffline):
					t.Errorf("open: %v", err)
				}
				if err != nil {
					continue
				}
				var got []string
				for _, track := range s.Tracks() {
					got = append(got, track.Codec.String()+"/"+strconv.Itoa(track.ClockRate))
					if named && track.Codec.Video() && track.Width == 0 {
						t.Errorf("no size of %+v", track)
					}
				}
				if got := strings.Join(got, " "); named && got != want {
					t.Errorf("tracks %q, want %q", got, want)
				}
				s.Close()
			}
		})
	}
}

// TestCorpusInterleaved plays a real server's bytes, in pieces of any size.
func TestCorpusInterleaved(t *testing.T) {
	stream, err := os.ReadFile("../../../shared/corpus/rtsp/retina_bunny_interleaved.rtsp")
	if err != nil {
		t.Skip("the corpus is not here")
	}
	describe, err := os.ReadFile("../../../shared/corpus/rtsp/retina_bunny_describe.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, sdp, _ := bytes.Cut(describe, []byte("\r\n\r\n"))
	want := map[int]int{} // by track: the file has two channels for each
	for b := stream; len(b) >= 4; {
		size := 4 + int(b[2])<<8 + int(b[3])
		if b[1]%2 == 0 {
			want[int(b[1])/2]++
		}
		b = b[min(size, len(b)):]
	}
	bothPaths(t, func(t *testing.T, plain bool) {
		cam := startCamera(t, &camera{sdp: string(sdp), play: func(w *wire) {
			for b, n := stream, 1; len(b) > 0; n = n%1499 + 1 {
				k := min(n, len(b))
				w.write(b[:k])
				b = b[k:]
			}
			w.wait(time.Minute)
		}})
		config := cam.config()
		config.Plain = plain
		sink := newReceived()
		s := play(t, config, sink)
		sink.await(t, "all packets", func() bool {
			return len(sink.packets[0]) == want[0] && len(sink.packets[1]) == want[1]
		})
		if st := s.Stats(); st.JunkBytes != 0 || st.Malformed != 0 || st.Lost != 0 {
			t.Errorf("stats: %+v", st)
		}
	})
}
