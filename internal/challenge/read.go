package challenge

import "strings"

// Challenge is one way to prove oneself that a device offers (RFC 9110, 11.3).
type Challenge struct {
	Scheme string            // in lower case
	Params map[string]string // names in lower case
}

// Max and maxParams bound what a device may offer.
const (
	Max       = 8
	maxParams = 32
)

// Read reads WWW-Authenticate headers, of which each may hold several
// challenges. What it does not understand it leaves out.
func Read(headers []string) (all []Challenge) {
	for _, h := range headers {
		for h != "" && len(all) < Max {
			h = strings.TrimLeft(h, " \t,")
			var word string
			word, h = readToken(h)
			if word == "" {
				break
			}
			c := Challenge{Scheme: strings.ToLower(word), Params: map[string]string{}}
			h = c.read(h)
			all = append(all, c)
		}
	}
	return all
}

// read takes the challenge's parameters and gives what follows them.
func (c *Challenge) read(h string) string {
	for {
		rest := strings.TrimLeft(h, " \t,")
		name, after := readToken(rest)
		after = strings.TrimLeft(after, " \t")
		if name == "" || !strings.HasPrefix(after, "=") || len(c.Params) >= maxParams {
			return rest // the next challenge
		}
		value, after := readValue(strings.TrimLeft(after[1:], " \t"))
		if name = strings.ToLower(name); c.Params[name] == "" {
			c.Params[name] = value
		}
		h = after
	}
}

// readToken reads a token (RFC 9110, 5.6.2).
func readToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && (alphanumeric(s[i]) || strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) >= 0) {
		i++
	}
	return s[:i], s[i:]
}

// readValue reads a token or a quoted string.
func readValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		return readToken(s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
