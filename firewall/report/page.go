package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's style and its frame
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"time"

	"github.com/stockade-nvr/stockade/internal/proof"
)

//go:embed page.tmpl
var pageFrame string

//go:embed page.css
var pageStyle string

// What a page begins with, and what stands around the signed report in it. The JSON
// has no "<": its encoder escapes that.
const (
	pageHead  = "<!doctype html>\n<html lang=\""
	dataBegin = "<script type=\"application/json\" id=\"signed\">"
	dataEnd   = "</script>\n</body>\n</html>\n"
)

// PagePolicy is the Content-Security-Policy of a page: its own style, and nothing else.
func PagePolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// IsPage reports whether a text is a page, as opposed to a signed report alone.
func IsPage(text []byte) bool { return bytes.HasPrefix(text, []byte(pageHead)) }

// Page writes a signed report for people: one file, to be read and printed, that
// carries what was signed. Language is English or Korean. The same report always
// gives the same page, so that Verify can hold it to what was signed.
func Page(text []byte, language string) ([]byte, error) {
	r, head, err := parse(text)
	if err != nil {
		return nil, err
	}
	return page(r, head, text, language)
}

func page(r Report, head proof.Head, text []byte, language string) ([]byte, error) {
	w := words(language)
	frame, err := template.New("report").Funcs(r.functions(w)).Parse(pageFrame)
	if err != nil {
		return nil, fmt.Errorf("read the page's frame: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(pageHead + w["lang"] + "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
		template.HTMLEscapeString(w["title"]+" – "+r.Site) + "</title>\n<style>" + pageStyle + "</style>\n</head>\n<body>\n")
	err = frame.ExecuteTemplate(&b, "page", struct {
		W   map[string]string
		R   Report
		Key string
	}{w, r, string(head.Key)})
	if err != nil {
		return nil, fmt.Errorf("write the report's page: %w", err)
	}
	b.WriteString(dataBegin)
	b.Write(bytes.TrimSuffix(text, []byte("\n")))
	b.WriteString(dataEnd)
	return b.Bytes(), nil
}

// functions are what the frame calls.
func (r Report) functions(w map[string]string) template.FuncMap {
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		zone = time.UTC
	}
	word := func(key string) string {
		if text := w[key]; text != "" {
			return text
		}
		return key
	}
	return template.FuncMap{
		"word": word,
		"outcome": func(o string) string {
			if o == Unseen {
				return w["unseen-path"]
			}
			return word(o)
		},
		"time": func(t time.Time) string {
			if t.IsZero() {
				return "–"
			}
			return t.In(zone).Format("2006-01-02 15:04:05 -07:00")
		},
		"span":      func(d time.Duration) string { return d.Round(time.Second).String() },
		"share":     func(d time.Duration) string { return fmt.Sprintf("%.3f %%", 100*d.Seconds()/r.covered().Seconds()) },
		"stopped":   func(paths []Path) int { return len(paths) - len(unstopped(paths)) },
		"unstopped": unstopped,
	}
}

// unstopped are the paths that did not end where they should.
func unstopped(paths []Path) []Path {
	var list []Path
	for _, p := range paths {
		if p.Outcome != "stopped" {
			list = append(list, p)
		}
	}
	return list
}

// errPage says that a page and what was signed differ.
var errPage = errors.New("the page does not say what was signed, or another version of nvr wrote it")

// verifyPage checks a page by what it carries, and by writing it again.
func verifyPage(text []byte, public proof.Public) (Report, proof.Head, error) {
	_, rest, ok := bytes.Cut(text, []byte(dataBegin))
	data, end := bytes.CutSuffix(rest, []byte(dataEnd))
	if !ok || !end {
		return Report{}, proof.Head{}, fmt.Errorf("read the report's page: %w", ErrChanged)
	}
	data = append(bytes.Clone(data), '\n')
	r, head, err := Verify(data, public)
	if err != nil {
		return r, head, err
	}
	for _, language := range []string{English, Korean} {
		again, err := page(r, head, data, language)
		if err != nil {
			return Report{}, head, err
		}
		if bytes.Equal(again, text) {
			return r, head, nil
		}
	}
	return Report{}, head, fmt.Errorf("check the report's page: %w: %w", ErrChanged, errPage)
}
