package rtsp

import (
	"maps"
	"net"
	"strconv"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
)

// renewal keeps a session alive when its nonce has a lifetime (RFC 2617 section
// 3.2.1, stale). gortsplib answers one challenge in the life of a client and
// ignores what becomes of keep-alives: with a nonce that has gone stale the
// camera would end the session without its noticing. So a keep-alive that is
// challenged anew is answered by us, at once, and everything after it is signed
// with the new nonce.
//
// It belongs to gortsplib's goroutine, which calls both hooks.
type renewal struct {
	conn   net.Conn     // to the camera
	sender *auth.Sender // answers the latest challenge; nil while gortsplib's does
	last   base.Request // the latest request
	extra  int          // requests of ours, which gortsplib's numbers leave out
	asked  bool         // one of ours is not answered yet
}

// sign puts the latest nonce into a request that gortsplib is about to send,
// and numbers it behind ours.
func (n *renewal) sign(r *base.Request) {
	if n.extra > 0 {
		if cseq := r.Header["CSeq"]; len(cseq) == 1 {
			if i, err := strconv.Atoi(cseq[0]); err == nil {
				r.Header["CSeq"] = base.HeaderValue{strconv.Itoa(i + n.extra)}
			}
		}
	}
	if n.sender != nil {
		n.sender.AddAuthorization(r)
	}
	n.last = *r
	n.last.Header = maps.Clone(r.Header)
}

// again sends the latest request once more, with an answer to the challenge.
func (n *renewal) again(challenge base.HeaderValue, c *Config) error {
	sender := &auth.Sender{WWWAuth: challenge, User: c.Username, Pass: c.Password}
	if err := sender.Initialize(); err != nil {
		return err
	}
	n.sender = sender
	r := n.last
	if i, err := strconv.Atoi(r.Header["CSeq"][0]); err == nil {
		r.Header["CSeq"] = base.HeaderValue{strconv.Itoa(i + 1)}
		n.extra++
	}
	sender.AddAuthorization(&r)
	n.last, n.asked = r, true
	b, err := r.Marshal()
	if err != nil {
		return err
	}
	_ = n.conn.SetWriteDeadline(time.Now().Add(c.Timeout)) // the write tells
	_, err = n.conn.Write(b)
	return err
}

// nonceOf gives the nonce of a request's credentials, or "".
func nonceOf(r *base.Request) string {
	var h headers.Authorization
	if a := r.Header["Authorization"]; a == nil || h.Unmarshal(a) != nil {
		return ""
	}
	return h.Nonce
}

// challengedAnew handles a 401 while the session plays.
func (s *Session) challengedAnew(r *base.Response) {
	used := nonceOf(&s.renewal.last)
	challenge := r.Header["WWW-Authenticate"]
	fresh := false
	for _, v := range challenge {
		var h headers.Authenticate
		fresh = fresh || h.Unmarshal(base.HeaderValue{v}) == nil && h.Nonce != used
	}
	// A camera that refuses keep-alives with the nonce in use refuses them always,
	// as does one that was opened without credentials: then the media alone keep
	// the session.
	if !fresh || used == "" {
		return
	}
	const again = "the session is opened again"
	if s.renewal.asked {
		s.fail(find(KindNetworkLoss, again, "the camera takes neither the nonce that the session was opened with nor the one that it gave in its place"))
		return
	}
	if err := s.renewal.again(challenge, &s.config); err != nil {
		s.fail(find(KindNetworkLoss, again, "answer the camera's new challenge: %w", err))
	}
}
