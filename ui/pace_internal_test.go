package ui

import (
	"errors"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestAUserIsPacedByThemselves(t *testing.T) {
	c := pace{what: "changes", Pace: auth.Pace{Burst: 3, Every: 10 * time.Second}}
	kim := auth.Principal{User: auth.User{ID: "kim"}, Session: "s"}
	lee := auth.Principal{User: auth.User{ID: "lee"}, Session: "s"}
	now := time.Now()
	took := func(p auth.Principal) (n int) {
		for c.take(p, now) == nil {
			if n++; n > 100 {
				return n
			}
		}
		return n
	}
	if took(kim) != 3 || took(lee) != 3 {
		t.Error("the burst is not three for each")
	}
	now = now.Add(4 * time.Second)
	refused := (*auth.Error)(nil)
	if err := c.take(kim, now); !errors.As(err, &refused) || refused.RetryAfter != 6*time.Second {
		t.Errorf("%+v", err)
	}
	now = now.Add(refused.RetryAfter)
	if n := took(kim); n != 1 {
		t.Error("after the wait:", n)
	}
	now = now.Add(time.Hour)
	if n := took(kim); n != 3 {
		t.Error("after an hour:", n)
	}
	if took(auth.LocalPrincipal("root")) < 100 {
		t.Error("the box is paced")
	}
}
