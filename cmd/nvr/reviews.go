package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/ui"
)

// reviews is what the page asks of the journal's sign-offs.
type reviews struct{ app *app }

// Reviewed tells what a user has looked at, and what came since.
func (t reviews) Reviewed(_ context.Context, user string) (ui.ReviewedView, error) {
	all, err := t.app.journal.Reviews()
	if err != nil {
		return ui.ReviewedView{}, err
	}
	var v ui.ReviewedView
	var upTo time.Time
	for _, r := range all {
		v.Reviews = append(v.Reviews, ui.ReviewView{User: r.User, Name: r.Name, UpTo: r.UpTo, At: r.At})
		if r.User == user {
			upTo = r.UpTo
		}
	}
	v.UpTo = instant(upTo)
	v.Unreviewed, v.More, err = t.app.journal.Unreviewed(upTo)
	return v, err
}

// UpTo tells up to when a user has looked.
func (t reviews) UpTo(_ context.Context, user string) (time.Time, error) {
	all, err := t.app.journal.Reviews()
	for _, r := range all {
		if r.User == user {
			return r.UpTo, nil
		}
	}
	return time.Time{}, err
}

// Review signs off.
func (t reviews) Review(_ context.Context, user, name string, upTo time.Time) error {
	err := t.app.journal.SetReviewed(journal.Review{User: user, Name: name, UpTo: upTo, At: time.Now()})
	if errors.Is(err, journal.ErrReview) {
		return &ui.Problem{Status: http.StatusConflict, Message: err.Error(), Fix: "read what you have signed off already, and sign off forward only"}
	}
	return err
}
