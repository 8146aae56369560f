package challenge

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Best chooses the safest challenge that can be answered; nil when there is none.
func Best(all []Challenge) *Challenge {
	rank := func(c *Challenge) int {
		_, known := digests[strings.ToUpper(c.Params["algorithm"])]
		qop := c.Params["qop"]
		switch {
		case c.Scheme == "digest" && known && c.Params["nonce"] != "" && (qop == "" || offers(qop, "auth")):
			if strings.HasPrefix(strings.ToUpper(c.Params["algorithm"]), "SHA") {
				return 3
			}
			return 2
		case c.Scheme == "basic":
			return 1
		}
		return 0
	}
	var best *Challenge
	for i := range all {
		if c := &all[i]; rank(c) > 0 && (best == nil || rank(c) > rank(best)) {
			best = c
		}
	}
	return best
}

// digests are the algorithms that are answered.
var digests = map[string]func() hash.Hash{
	"": md5.New, "MD5": md5.New, "MD5-SESS": md5.New, "SHA-256": sha256.New, "SHA-256-SESS": sha256.New,
}

func offers(list, word string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(one), word) {
			return true
		}
	}
	return false
}

// Digest is the answer to a Digest challenge (RFC 7616, 3.4), the count-th one to
// its nonce, from 1. Best must have chosen the challenge.
func (c *Challenge) Digest(username, password, method, uri, cnonce string, count uint32) string {
	p := c.Params
	sum := func(parts ...string) string {
		h := digests[strings.ToUpper(p["algorithm"])]()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
	one := sum(username, p["realm"], password)
	if strings.HasSuffix(strings.ToUpper(p["algorithm"]), "-SESS") {
		one = sum(one, p["nonce"], cnonce)
	}
	two, nc := sum(method, uri), fmt.Sprintf("%08x", count)
	response := sum(one, p["nonce"], two)
	if p["qop"] != "" {
		response = sum(one, p["nonce"], nc, cnonce, "auth", two)
	}
	answer := fmt.Sprintf(`Digest username=%s, realm=%s, nonce=%s, uri=%s, response="%s"`,
		quoted(username), quoted(p["realm"]), quoted(p["nonce"]), quoted(uri), response)
	if p["algorithm"] != "" {
		answer += ", algorithm=" + p["algorithm"]
	}
	if p["opaque"] != "" {
		answer += ", opaque=" + quoted(p["opaque"])
	}
	if p["qop"] != "" {
		answer += fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s"`, nc, cnonce)
	}
	return answer
}

// quoted writes a quoted string; what no header may hold is left out.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
