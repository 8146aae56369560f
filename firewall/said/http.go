package said

import (
	"bytes"
	"strings"
)

// request gives the host and the request line of HTTP/1 that begins a TCP segment.
func request(b []byte) (host, line string, ok bool) {
	first, rest, whole := bytes.Cut(b, []byte{'\n'})
	first = bytes.TrimSuffix(first, []byte{'\r'})
	if !isRequest(string(first), whole) {
		return "", "", false
	}
	for whole {
		var header []byte
		header, rest, whole = bytes.Cut(rest, []byte{'\n'})
		header = bytes.TrimSuffix(header, []byte{'\r'})
		if !whole || len(header) == 0 {
			break // cut off: half a name is another name; or the headers' end
		}
		if name, value, is := strings.Cut(string(header), ":"); is && strings.EqualFold(name, "host") {
			host = hostText([]byte(withoutPort(strings.TrimSpace(value))))
			break
		}
	}
	if host == "" {
		host = hostOfTarget(string(first))
	}
	return host, text(string(first), maxLine), true
}

// isRequest tells a request line: by its end, or, where that is not there, by its method.
func isRequest(line string, whole bool) bool {
	if whole {
		return strings.HasSuffix(line, " HTTP/1.1") || strings.HasSuffix(line, " HTTP/1.0")
	}
	method, _, more := strings.Cut(line, " ")
	if !more {
		return false
	}
	switch method {
	case "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT":
		return true
	}
	return false
}

// hostOfTarget gives the host of a request that asks a proxy, whole or cut off
// behind it.
func hostOfTarget(line string) string {
	_, target, _ := strings.Cut(line, " ")
	_, rest, is := strings.Cut(target, "://")
	if !is {
		return ""
	}
	host, _, ends := strings.Cut(rest, "/")
	if !ends || strings.ContainsAny(host, " @") {
		return ""
	}
	return hostText([]byte(withoutPort(host)))
}
