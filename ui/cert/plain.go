package cert

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// maxHead bounds what is read of a plain request.
	maxHead = 8 << 10
	// maxDrain bounds what is thrown away of it: closing with bytes unread would
	// reset the connection, and the answer with it.
	maxDrain = 64 << 10
	drainFor = time.Second
	plainFix = "open the address with https:// before it"
)

// answerPlain reads one plain HTTP request and answers it. The caller has set a
// deadline, and closes.
func answerPlain(conn net.Conn, hosts func(string) bool) {
	a := refuse(http.StatusBadRequest, "this is no HTTP request", plainFix)
	if r, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, maxHead))); err == nil {
		a = answerTo(r, hosts)
	}
	if _, err := conn.Write(a.bytes()); err != nil {
		return
	}
	if c, ok := underlying(conn).(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(drainFor))
		_, _ = io.CopyN(io.Discard, conn, maxDrain) // ends by the client, the deadline or the bound: all fine
	}
}

func underlying(conn net.Conn) net.Conn {
	if c, ok := conn.(*begunConn); ok {
		return c.Conn
	}
	return conn
}

// answer is what is said to a plain request.
type answer struct {
	status   int
	location string
	body     string // JSON
}

// bytes gives the answer as it goes over the wire.
func (a answer) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nConnection: close\r\nCache-Control: no-store\r\n", a.status, http.StatusText(a.status))
	if a.location != "" {
		fmt.Fprintf(&b, "Location: %s\r\n", a.location)
	}
	if a.body != "" {
		b.WriteString("Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(a.body), a.body)
	return b.Bytes()
}

// answerTo sends a browser to the same place by HTTPS. A request that changes
// something or carries a token is refused instead: its secrets were sent in the
// clear, and would be each time if it worked in the end.
func answerTo(r *http.Request, hosts func(string) bool) answer {
	target := r.URL.RequestURI()
	switch err := checkHost(r.Host); {
	case err != nil:
		return refuse(http.StatusBadRequest, err.Error(), plainFix)
	case hosts != nil && !hosts(r.Host):
		return refuse(http.StatusMisdirectedRequest, "this server does not answer for that host name", "use a name of listen.names in the site file")
	case !strings.HasPrefix(target, "/"):
		return refuse(http.StatusBadRequest, "the request does not say for which page it is", plainFix)
	case r.Method != http.MethodGet && r.Method != http.MethodHead, r.Header.Get("Authorization") != "":
		return refuse(http.StatusForbidden, "this was sent without encryption, and is not done", plainFix+"; a password or token that was in it should be changed")
	}
	return answer{status: http.StatusPermanentRedirect, location: "https://" + r.Host + target}
}

// hostForm is what a host name looks like in a Host header.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$`)

// checkHost refuses what could be read as something else than a host and a port.
func checkHost(host string) error {
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("the request's Host has no right port")
		}
		name = h
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
	}
	if bare, ok := strings.CutPrefix(name, "["); ok {
		if ip, err := netip.ParseAddr(strings.TrimSuffix(bare, "]")); err == nil && ip.Is6() && ip.Zone() == "" {
			return nil
		}
	} else if hostForm.MatchString(name) {
		return nil
	}
	return errors.New("the request does not say for which host it is")
}

// refuse answers as every error of the API reads.
func refuse(status int, message, fix string) answer {
	body, err := json.Marshal(struct {
		Message string `json:"error"`
		Fix     string `json:"fix"`
	}{message, fix})
	if err != nil {
		body = nil // but two strings always marshal
	}
	return answer{status: status, body: string(body) + "\n"}
}
