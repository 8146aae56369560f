package rtsp

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
)

// blankSession stands in for a session part that cannot be read: nothing in it
// but a control attribute matters to us.
const blankSession = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"

// repairSDP makes an SDP readable for gortsplib, which refuses all of it for
// one line in a wrong place: a broken audio track must not cost the picture.
// Of each media only what we use is kept, the m= line and the attributes; a
// media that cannot be read even so is left out, and named.
func repairSDP(body []byte) (repaired []byte, left []string) {
	if readable(body) {
		return body, nil
	}
	session, medias := splitSDP(body)
	if !readable(join(session, []byte("m=video 0 RTP/AVP 96\r\n"))) {
		session = join([]byte(blankSession), onlyLines(session, "a=control:"))
	}
	repaired = session
	for i, m := range medias {
		m = onlyLines(m, "m=", "a=")
		if i < maxTracks && readable(join(session, m)) {
			repaired = join(repaired, m)
			continue
		}
		line, _, _ := bytes.Cut(m, []byte("\r\n"))
		if i < maxTracks {
			left = append(left, fmt.Sprintf("%.120q: not understood", line))
		}
	}
	return repaired, left
}

func readable(body []byte) bool {
	var s sdp.SessionDescription
	var d description.Session
	return s.Unmarshal(body) == nil && d.Unmarshal(&s) == nil
}

// splitSDP cuts an SDP before each m= line (RFC 8866 section 5.14).
func splitSDP(body []byte) (session []byte, medias [][]byte) {
	for line := range bytes.Lines(body) {
		switch {
		case bytes.HasPrefix(line, []byte("m=")):
			medias = append(medias, bytes.Clone(line))
		case len(medias) == 0:
			session = append(session, line...)
		default:
			medias[len(medias)-1] = append(medias[len(medias)-1], line...)
		}
	}
	return session, medias
}

// onlyLines keeps the lines that begin with one of the given starts.
func onlyLines(b []byte, starts ...string) []byte {
	var kept []byte
	for line := range bytes.Lines(b) {
		for _, s := range starts {
			if bytes.HasPrefix(line, []byte(s)) {
				kept = append(kept, bytes.TrimRight(line, "\r\n")...)
				kept = append(kept, '\r', '\n')
			}
		}
	}
	return kept
}

func join(a, b []byte) []byte { return append(bytes.Clone(a), b...) }
