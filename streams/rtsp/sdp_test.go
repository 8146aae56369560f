package rtsp

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"

	"github.com/stockade-nvr/stockade/streams/media"
)

const (
	sdpSession = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\na=control:*\r\n"
	sdpVideo   = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n"
)

func offerOf(t testing.TB, body string) (offer, []string, bool) {
	t.Helper()
	repaired, left := repairSDP([]byte(body))
	var s sdp.SessionDescription
	var d description.Session
	if s.Unmarshal(repaired) != nil || d.Unmarshal(&s) != nil {
		return offer{}, left, false
	}
	return readOffer(&d, repaired), left, true
}

// TestRepairSDP: one bad media costs itself only, and is named.
func TestRepairSDP(t *testing.T) {
	for name, body := range map[string]string{
		"audio without config":    sdpSession + sdpVideo + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 mode=AAC-hbr\r\n",
		"audio of another mode":   sdpSession + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 mode=celp;config=1408;sizelength=6\r\n" + sdpVideo,
		"no payload type":         sdpSession + sdpVideo + "m=audio 0 RTP/AVP\r\n",
		"no payload type, no EOL": sdpSession + sdpVideo + "m=audio 0 RTP/AVP",
	} {
		t.Run(name, func(t *testing.T) {
			o, left, ok := offerOf(t, body)
			if !ok || len(o.tracks) != 1 || o.tracks[0].track.Codec != media.H264 || len(left) != 1 || !strings.Contains(left[0], "m=audio") {
				t.Errorf("%v, %+v, left %q", ok, o.tracks, left)
			}
		})
	}
	for name, body := range map[string]string{
		"lines out of place": sdpSession + strings.Replace(sdpVideo, "a=rtpmap", "s=again\r\na=rtpmap", 1),
		"no origin":          "v=0\r\nfoo=bar\r\na=control:*\r\n" + sdpVideo,
	} {
		t.Run(name, func(t *testing.T) {
			if o, left, ok := offerOf(t, body); !ok || len(o.tracks) != 1 || len(left) != 0 {
				t.Errorf("%v, %+v, left %q", ok, o.tracks, left)
			}
		})
	}
}

// TestAudioClock: with SBR the RTP clock is the rtpmap's, not the configuration's first rate.
func TestAudioClock(t *testing.T) {
	o, _, ok := offerOf(t, sdpSession+"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n"+
		"a=fmtp:97 streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=2B098800\r\n")
	if !ok || len(o.tracks) != 1 || o.tracks[0].track.ClockRate != 48000 || o.tracks[0].track.SampleRate != 24000 {
		t.Errorf("%v, %+v", ok, o.tracks)
	}
}

// TestReadOfferBackChannel: what is for talking to the camera is never set up.
func TestReadOfferBackChannel(t *testing.T) {
	o, _, ok := offerOf(t, sdpSession+sdpVideo+strings.Replace(sdpVideo, "a=control", "a=sendonly\r\na=control", 1))
	if !ok || len(o.tracks) != 1 || len(o.skipped) != 1 || !strings.Contains(o.skipped[0], "talking") {
		t.Errorf("%+v", o)
	}
}

// TestClockTooFast: what could not be played is not recorded; the picture is.
func TestClockTooFast(t *testing.T) {
	o, _, ok := offerOf(t, sdpSession+sdpVideo+"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/2000000/2\r\n"+
		"a=fmtp:97 streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188\r\n")
	if !ok || len(o.tracks) != 1 || o.tracks[0].track.Codec != media.H264 || len(o.skipped) != 1 {
		t.Errorf("%v, %+v", ok, o)
	}
}

// TestManyMedia: thousands of media make one line, not one each.
func TestManyMedia(t *testing.T) {
	o, _, ok := offerOf(t, sdpSession+sdpVideo+strings.Repeat("m=audio 0 RTP/AVP 0\r\n", 4000))
	if !ok || len(o.tracks) != 1 || len(o.skipped) != maxTracks || !strings.HasPrefix(o.skipped[maxTracks-1], "3985 more media") {
		t.Errorf("%v, %d tracks, %d skipped: %.200q", ok, len(o.tracks), len(o.skipped), o.skipped[len(o.skipped)-1])
	}
}

// FuzzTracks: no SDP panics, grows, or yields a track that cannot work.
func FuzzTracks(f *testing.F) {
	f.Add(sdpSession + sdpVideo)
	f.Add(sdpSession + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\na=fmtp:97 sizelength=13;config=1188\r\na=control:%zz\r\n")
	f.Add(strings.Repeat(sdpVideo, 40))
	f.Add(sdpSession + sdpVideo + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/2147483647/2\r\na=fmtp:97 streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188\r\n")
	f.Add("m=\nm=\r\nm=video 0 RTP/AVP 96 97 98\na=control:rtsp://[::1/\n")
	for _, pattern := range []string{"sdp/*.sdp", "rtsp/*.sdp"} {
		files, _ := filepath.Glob("../../../shared/corpus/" + pattern)
		for _, file := range files {
			if b, err := os.ReadFile(file); err == nil {
				f.Add(string(b))
			}
		}
	}
	config := Config{URL: "rtsp://10.0.0.1/s", Pinned: netip.MustParseAddr("10.0.0.1")}
	f.Fuzz(func(t *testing.T, body string) {
		repaired, _ := repairSDP([]byte(body))
		if len(repaired) > len(body)+len(blankSession)+2*strings.Count(body, "\n")+2 {
			t.Errorf("%d bytes became %d", len(body), len(repaired))
		}
		o, _, ok := offerOf(t, body)
		if !ok {
			return
		}
		if len(o.skipped) > maxTracks+1 {
			t.Errorf("%d lines of what is skipped", len(o.skipped))
		}
		if len(o.tracks) > maxTracks {
			t.Errorf("%d tracks", len(o.tracks))
		}
		for _, track := range o.tracks {
			if track.track.ClockRate <= 0 || track.track.ClockRate > media.MaxClockRate {
				t.Errorf("track %+v", track.track)
			}
		}
		u, err := base.ParseURL("rtsp://10.0.0.1/s")
		if err != nil {
			t.Fatal(err)
		}
		g := guard{config: &config, hostname: "10.0.0.1"}
		if g.urls(&description.Session{BaseURL: u}, o.tracks, nil) != nil {
			return
		}
		for _, track := range o.tracks { // as Setup does
			if m, err := track.media.URL(u); err != nil || m == nil || m.Hostname() != "10.0.0.1" {
				t.Errorf("control %q makes %v, %v", track.media.Control, m, err)
			}
		}
	})
}

// FuzzTransportHeader: whatever SETUP is answered with, gortsplib is left no
// host to use or to look up, and no number that does not fit.
func FuzzTransportHeader(f *testing.F) {
	f.Add("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627")
	f.Add("RTP/AVP/UDP;unicast;source=;client_port=32560-32561;server_port=3046-3047")
	f.Add(`RTP/AVP;unicast;source=evil.example;Source="10.0.0.1"; source = evil;destination=1.2.3.4;mode="PLAY;x"`)
	f.Add(`RTP/AVP;unicast;x="a;b"source=evil.example;server_port=1-2`)
	f.Add("RTP/AVP;server_port=99999-1;interleaved=-1")
	config := Config{Pinned: netip.MustParseAddr("10.0.0.1")}
	f.Fuzz(func(t *testing.T, value string) {
		g := guard{config: &config, hostname: "10.0.0.1"}
		res := &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Transport": base.HeaderValue{value}}}
		g.response(res)
		if res.StatusCode != base.StatusOK {
			return
		}
		kept := res.Header["Transport"]
		if strings.Contains(kept[0], "source") || strings.Contains(kept[0], "destination") {
			t.Fatalf("hosts are left in %q", kept[0]) // before gortsplib looks them up
		}
		var h headers.Transport
		if h.Unmarshal(kept) != nil {
			return
		}
		if h.Source != nil || h.Destination != nil {
			t.Errorf("hosts are left in %q", kept[0])
		}
		for _, p := range []*[2]int{h.ServerPorts, h.ClientPorts, h.Ports} {
			if p != nil && (p[0] > 65535 || p[1] > 65536) {
				t.Errorf("ports are left in %q", kept[0])
			}
		}
	})
}

// FuzzResponse: whatever an answer holds, what the guard lets through to
// gortsplib names no other host, no body that it cannot bear and no time that
// overflows (C13, S9).
func FuzzResponse(f *testing.F) {
	f.Add(302, "rtsp://192.0.2.1/x", "", "1234;timeout=60", []byte(nil))
	f.Add(301, "rtsp://10.0.0.1:99999/x", "", "", []byte("x"))
	f.Add(302, "rtsp://[::ffff:10.0.0.1%25eth0]/", "", "1;timeout=99999999999", []byte(nil))
	f.Add(200, "", "RTP/AVP;unicast;source=evil.example;server_port=1-2", ";timeout=4294967295", []byte(nil))
	f.Add(200, "", "", "", []byte(sdpSession+sdpVideo))
	f.Add(200, "", "", "", []byte(strings.Repeat("m=\n", 200)))
	f.Add(401, "rtsp://192.0.2.1/x", "source=192.0.2.1", "", []byte(nil))
	config := Config{URL: "rtsp://10.0.0.1/s", Pinned: netip.MustParseAddr("10.0.0.1")}
	f.Fuzz(func(t *testing.T, status int, location, transport, session string, body []byte) {
		g := guard{config: &config, hostname: "10.0.0.1"}
		for range 2 { // its state must bear a second one
			res := &base.Response{StatusCode: base.StatusCode(status), Header: base.Header{}, Body: body}
			for k, v := range map[string]string{"Location": location, "Transport": transport, "Session": session} {
				if v != "" {
					res.Header[k] = base.HeaderValue{v}
				}
			}
			g.response(res)
			var s headers.Session
			if v := res.Header["Session"]; v != nil && s.Unmarshal(v) == nil && s.Timeout != nil && *s.Timeout > sessionTimeoutLimit {
				t.Errorf("session timeout of %d s is let through", *s.Timeout)
			}
			if res.StatusCode == statusRefused && status != int(statusRefused) {
				if g.refused(nil) == nil || res.Header["Location"] != nil {
					t.Errorf("refused, but %v, %v", g.verdict, res.Header)
				}
				continue
			}
			if res.StatusCode >= 300 && res.StatusCode < 400 && res.Header["Location"] != nil {
				u, err := base.ParseURL(location)
				if err != nil || u.Scheme != "rtsp" || !config.ours(u.Hostname(), "10.0.0.1") {
					t.Errorf("a redirect to %q is let through", location)
				}
			}
			if len(res.Body) > len(body)+len(blankSession)+2*strings.Count(string(body), "\n")+2 {
				t.Errorf("%d bytes of body became %d", len(body), len(res.Body))
			}
		}
	})
}
