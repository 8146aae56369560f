package onvif

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Bounds of an answer, and of what is kept of it.
const (
	maxAnswer   = 512 << 10 // bytes
	maxElements = 20_000
	maxDepth    = 40
	maxText     = 256 // bytes of a string that is kept
	maxAddress  = 512 // of a URI
	maxList     = 32  // of anything
)

// hidden stands where a device repeats its password.
const hidden = "***"

// element is an element of an answer. Names are local ones: devices declare
// prefixes wrongly, and no two that are read here differ by namespace alone.
type element struct {
	name     string
	attrs    []xml.Attr
	text     string
	children []*element
}

// errDocumentType says that an answer brings definitions of its own.
var errDocumentType = errors.New("it has a document type, which no answer of ONVIF has")

// parse reads an answer up to the end of its first element. Errors carry the
// offset. A secret that it holds is replaced.
func parse(answer []byte, secret string) (*element, error) {
	text := bytes.Map(plain, bytes.ToValidUTF8(answer, []byte("�")))
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false // unknown entities stay as they are, and nothing is expanded
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var open []*element
	for count := 0; ; {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read the answer at byte %d: %w", d.InputOffset(), err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("read the answer at byte %d: %w", d.InputOffset(), errDocumentType)
		case xml.StartElement:
			if count++; count > maxElements || len(open) >= maxDepth {
				return nil, fmt.Errorf("read the answer at byte %d: more than %d elements, or deeper than %d", d.InputOffset(), maxElements, maxDepth)
			}
			e := &element{name: t.Name.Local, attrs: t.Attr}
			for i := range e.attrs {
				e.attrs[i].Value = without(e.attrs[i].Value, secret)
			}
			if len(open) > 0 {
				up := open[len(open)-1]
				up.children = append(up.children, e)
			}
			open = append(open, e)
		case xml.EndElement:
			last := open[len(open)-1]
			last.text = without(last.text, secret)
			if open = open[:len(open)-1]; len(open) == 0 {
				return last, nil // what follows is nobody's
			}
		case xml.CharData:
			if len(open) > 0 {
				if e := open[len(open)-1]; len(e.text) < 4*maxAddress {
					e.text += string(t[:min(len(t), 4*maxAddress)])
				}
			}
		}
	}
}

// plain makes what XML forbids, and devices send, a space.
func plain(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r == 0xfffe || r == 0xffff {
		return ' '
	}
	return r
}

// without takes a secret out, as it is and as addresses escape it. A very short one
// would take letters out of everything.
func without(s, secret string) string {
	if len(secret) < 4 {
		return s
	}
	query := url.QueryEscape(secret)
	for _, form := range []string{secret, url.PathEscape(secret), query, strings.ReplaceAll(query, "+", "%20")} {
		s = strings.ReplaceAll(s, form, hidden)
		s = strings.ReplaceAll(s, escapes.ReplaceAllStringFunc(form, strings.ToLower), hidden)
	}
	return s
}

// escapes are bytes as addresses escape them: with hexadecimal digits of either case.
var escapes = regexp.MustCompile(`%[0-9A-F]{2}`)

// find gives the first element below by its path; nil where there is none.
func (e *element) find(path ...string) *element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		var next *element
		for _, c := range e.children {
			if c.name == name {
				next = c
				break
			}
		}
		e = next
	}
	return e
}

// all gives the elements of a name right below, no more than are ever kept.
func (e *element) all(name string) (all []*element) {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name && len(all) < maxList {
			all = append(all, c)
		}
	}
	return all
}

// value gives the text at a path, clean and short.
func (e *element) value(path ...string) string { return e.cut(maxText, path...) }

// cut gives the text at a path, clean and of at most so many bytes.
func (e *element) cut(most int, path ...string) string {
	if e = e.find(path...); e == nil {
		return ""
	}
	return tidy(e.text, most)
}

// flag reads a boolean of XML Schema.
func (e *element) flag(path ...string) bool { return isTrue(e.value(path...)) }

func isTrue(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

// number reads a number that is not negative; 0 for anything else.
func (e *element) number(path ...string) int {
	n, err := strconv.ParseInt(e.value(path...), 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int(n)
}

// attr gives an attribute, clean and short.
func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return tidy(a.Value, maxText)
		}
	}
	return ""
}

// tidy makes a device's text one short line that can be printed.
func tidy(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// add keeps a text in a list, once, and no more than are ever kept.
func add(list []string, text string) []string {
	if text == "" || len(list) >= maxList || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}
