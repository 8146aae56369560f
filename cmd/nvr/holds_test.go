package main

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/ui"
)

// What the store says of holds and deletions has a status, and what goes on is
// not told as refused.
func TestWhatTheStoreSaysOfHoldsAndDeletions(t *testing.T) {
	for _, c := range []struct {
		err    error
		say    func(error) error
		status int
		waits  bool
	}{
		{storage.ErrHoldExpired, toHolder, http.StatusBadRequest, false},
		{storage.ErrTooManyHolds, toHolder, http.StatusConflict, false},
		{storage.ErrHoldWaits, toHolder, http.StatusServiceUnavailable, true},
		{storage.ErrAway, toDeleter, http.StatusConflict, false},
		{storage.ErrUncounted, toDeleter, http.StatusServiceUnavailable, true},
	} {
		err := c.say(fmt.Errorf("ask: %w", c.err))
		var p *ui.Problem
		if !errors.As(err, &p) || p.Status != c.status || p.Fix == "" || errors.Is(err, ui.ErrWaits) != c.waits {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}
