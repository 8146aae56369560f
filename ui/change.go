package ui

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// maxBodyBytes bounds every request's body. A slow one ends by readTimeout.
const maxBodyBytes = 64 << 10

// CSRFHeader is where a changing request repeats what GET /api/v1/session gave
// as csrf: only a page that may read our answers can know it.
const CSRFHeader = "X-CSRF-Token"

// mayChange checks a request that is not GET or HEAD. The cookie of a browser
// goes with it whoever sent it; therefore it must prove that it is our page:
// by its origin, by the session's value, and, if there is a body, by a content
// type that no form has.
func mayChange(r *http.Request, who access, p auth.Principal) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || kind != "application/json") {
		return &Problem{http.StatusUnsupportedMediaType, "the body is not JSON", "send Content-Type: application/json"}
	}
	if p.Session == "" || who == public || who == duringSetup {
		// Nothing that a browser sends by itself lets this in. That no other site's
		// page signs somebody in here is the guard's and the content type's doing.
		return nil
	}
	if r.Header.Get("Origin") == "" {
		return &Problem{
			http.StatusForbidden, "a change by a session must say from which page it comes",
			"programs use a token; a browser sends Origin by itself",
		}
	}
	sent := r.Header.Get(CSRFHeader)
	if p.CSRF == "" || subtle.ConstantTimeCompare([]byte(sent), []byte(p.CSRF)) != 1 {
		return &Problem{
			http.StatusForbidden, "the request does not carry this session's " + CSRFHeader,
			"GET /api/v1/session gives it as csrf; it changes at each sign-in",
		}
	}
	return nil
}

// readBody reads a request's JSON into a value: one value, no unknown field.
func readBody(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the value")
		}
	}
	tooLong := (*http.MaxBytesError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLong):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Problem{http.StatusRequestTimeout, "the body did not arrive in time", "send it at once"}
	default:
		return &Problem{http.StatusBadRequest, "the body is not what is asked for here", fmt.Sprintf("see /api/v1/openapi.json: %.120s", err.Error())}
	}
}

// readNothing takes an empty body, or an object with nothing in it.
func readNothing(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	return readBody(r, &struct{}{})
}

func tooLarge() *Problem {
	return &Problem{http.StatusRequestEntityTooLarge, "the body is too large", fmt.Sprintf("at most %d bytes", maxBodyBytes)}
}
