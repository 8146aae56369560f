package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// TestSigningInIsPaced: each is in the audit for good, and who may sign in could
// fill the disk with it.
func TestSigningInIsPaced(t *testing.T) {
	s := newSite(t)
	s.setup() // one of them
	n := 1
	for ; n < 1000; n++ {
		if _, _, err := s.SignIn("admin", password, at(9)); err != nil {
			if e := (*auth.Error)(nil); !errors.As(err, &e) || e.Kind != auth.Locked || e.RetryAfter != 10*time.Second {
				t.Fatal(err)
			}
			break
		}
	}
	if n != 100 {
		t.Errorf("%d sign-ins at once", n)
	}
	_, _, err := s.SignIn("admin", password2, at(8))
	wantKind(t, err, auth.Denied) // a stranger is told nothing
	s.pass(10 * time.Second)
	for want := range 2 {
		if _, _, err := s.SignIn("admin", password, at(9)); (err == nil) != (want == 0) {
			t.Errorf("%d after ten seconds: %v", want, err)
		}
	}
	s.pass(-time.Hour) // no hour's wait for that
	if _, _, err := s.SignIn("admin", password, at(9)); err != nil {
		t.Error(err)
	}
}
