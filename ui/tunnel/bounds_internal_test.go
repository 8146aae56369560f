package tunnel

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// opened is a whole tunnel, without a listener.
func opened(t *testing.T) *tunnel {
	t.Helper()
	tn := newTunnel(leadingTo(80, false).opening, Options{Log: slog.New(slog.DiscardHandler), Now: time.Now}, browserSilent)
	t.Cleanup(tn.end)
	return tn
}

// TestLongTextsAreFewAtOnce: a page that asks for more than it takes fills no memory.
func TestLongTextsAreFewAtOnce(t *testing.T) {
	tn := opened(t)
	answer := func(ctx context.Context, size int) (*http.Response, error) {
		res := &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, ContentLength: -1,
			Body:    io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("x"), size))),
			Request: httptest.NewRequestWithContext(ctx, http.MethodGet, "http://10.20.1.11/", http.NoBody),
		}
		err := tn.answer(res)
		return res, err
	}
	var held []*http.Response
	for i := range maxTexts {
		res, err := answer(t.Context(), []int{shortText + 1, maxText + 1}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, res)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := answer(ctx, shortText+1); err == nil {
		t.Error("one more is read")
	}
	if _, err := answer(t.Context(), shortText); err != nil {
		t.Error("a short one waits:", err)
	}
	b, err := io.ReadAll(held[1].Body)
	if err != nil || len(b) != maxText+1 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for _, res := range held {
		res.Body.Close()
		res.Body.Close() // as the proxy does: it frees one place only
	}
	if len(tn.texts) != 0 {
		t.Error("places are not given back:", len(tn.texts))
	}
	if b, err = io.ReadAll(held[0].Body); err != nil || len(b) != shortText+1 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestACorrectedTextIsBounded(t *testing.T) {
	tn := leadingTo(80, false)
	tn.opening.Origin = "https://" + strings.Repeat("long.", 40) + "example:8443"
	text := bytes.Repeat([]byte("//10.20.1.11 "), maxText/13)
	if got := tn.correct(text); len(got) > maxCorrected+len(text)+1000 || !bytes.HasSuffix(got, []byte("//10.20.1.11 ")) {
		t.Errorf("%d bytes became %d", len(text), len(got))
	}
}

func TestARefreshLeadsToTheTunnelOrNowhere(t *testing.T) {
	tn := leadingTo(80, false)
	for header, want := range map[string]string{
		"5":                                 "5",
		"5; url=/x":                         "5;url=https://nvr.example:8443/x",
		"0;URL='http://10.20.1.11/a?b=1;c'": "0;url=https://nvr.example:8443/a?b=1;c",
		"1; /x":                             "1;url=https://nvr.example:8443/x",
		"0; url=http://192.0.2.9/":          "",
		"0; URL=http://192.0.2.9/ ;url=/x":  "",
		"0, url=http://192.0.2.9/ ; url=/x": "",
		"x":                                 "",
		"":                                  "",
	} {
		got, ok := tn.refresh(tn.target, header)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v, want %q", header, got, ok, want)
		}
	}
}

// TestADevicesCookiesAreBounded: each request to it carries them.
func TestADevicesCookiesAreBounded(t *testing.T) {
	tn := opened(t)
	for i := range 20 {
		c := http.Cookie{Name: "c" + strings.Repeat("x", i), Value: strings.Repeat("v", 30<<10)}
		tn.keep(&http.Response{
			Header:  http.Header{"Set-Cookie": {c.String()}},
			Request: httptest.NewRequest(http.MethodGet, "http://10.20.1.11/", http.NoBody),
		})
	}
	n := 0
	for _, c := range tn.jar.Cookies(tn.target) {
		n += len(c.Value)
	}
	if n == 0 || n > maxCookieBytes {
		t.Errorf("%d bytes are kept", n)
	}
}
