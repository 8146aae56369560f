package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/ui"
)

// held is what the page asks of the store about holds and deletion by hand.
type held struct{ store *storage.Store }

// Holds lists the holds in force.
func (h held) Holds() ([]ui.HoldView, error) {
	list, err := h.store.Holds()
	if err != nil {
		return nil, holdsUnread()
	}
	all := make([]ui.HoldView, 0, len(list))
	for _, x := range list {
		v := ui.HoldView{ID: x.ID, Camera: x.Camera, From: x.From, To: x.To, By: x.By, Why: x.Why, Created: x.Created}
		if !x.Expires.IsZero() {
			v.Expires = &x.Expires
		}
		all = append(all, v)
	}
	return all, nil
}

func holdsUnread() *ui.Problem {
	return &ui.Problem{
		Status: http.StatusServiceUnavailable, Message: "holds cannot be read, and nothing is deleted",
		Fix: "see the recorder's health",
	}
}

// Place puts a hold in force.
func (h held) Place(ctx context.Context, v ui.HoldView) error {
	x := storage.Hold{ID: v.ID, Camera: v.Camera, From: v.From, To: v.To, By: v.By, Why: v.Why, Created: v.Created}
	if v.Expires != nil {
		x.Expires = *v.Expires
	}
	_, err := h.store.PlaceHold(ctx, x)
	return toHolder(err)
}

// Remove ends a hold.
func (h held) Remove(ctx context.Context, id, by, why string) error {
	return toHolder(h.store.RemoveHold(ctx, id, by, why))
}

// toHolder says in the page's words what became of a hold.
func toHolder(err error) error {
	switch {
	case errors.Is(err, storage.ErrNoHold):
		return ui.ErrNotFound
	case errors.Is(err, storage.ErrHoldWaits):
		return fmt.Errorf("%w: %w", ui.ErrWaits, &ui.Problem{
			Status: http.StatusServiceUnavailable, Message: "not every disk has written it down yet: it is tried again by itself",
			Fix: "look at the list of holds, and at the recorder's health",
		})
	case errors.Is(err, storage.ErrHoldExpired):
		return &ui.Problem{Status: http.StatusBadRequest, Message: "expires is not a time to come", Fix: "give a later time"}
	case errors.Is(err, storage.ErrTooManyHolds):
		return &ui.Problem{Status: http.StatusConflict, Message: "there are too many holds", Fix: "remove what is not needed any more"}
	}
	return err
}

// Plan says what deleting by hand would take.
func (h held) Plan(camera string, from, to time.Time, id string) (ui.DeletionView, error) {
	p, err := h.plan(camera, from, to, id)
	if err != nil {
		return ui.DeletionView{}, err
	}
	v := ui.DeletionView{
		Camera: camera, From: from, To: to, Plan: p.ID(), Segments: len(p.Take),
		Ranges: stretches(p.Take), Held: stretches(p.Held), Growing: stretches(p.Growing), Away: stretches(p.Away),
	}
	for _, seg := range p.Take {
		v.Bytes += seg.Bytes
	}
	return v, nil
}

func (h held) plan(camera string, from, to time.Time, id string) (storage.DeletionPlan, error) {
	p, err := h.store.PlanDeletion(camera, from, to)
	if errors.Is(err, storage.ErrHoldsUnread) {
		return p, holdsUnread()
	}
	if err != nil || id == "" {
		return p, err
	}
	p, ok := p.Only(id)
	if !ok {
		return p, &ui.Problem{
			Status: http.StatusConflict, Message: "what would be deleted is not what the plan said any more",
			Fix: "look at a new plan, and ask again",
		}
	}
	return p, nil
}

// Delete deletes what a plan took.
func (h held) Delete(ctx context.Context, v ui.DeletionView, by, why string) (ui.DeletedView, error) {
	p, err := h.plan(v.Camera, v.From, v.To, v.Plan)
	if err != nil {
		return ui.DeletedView{}, err
	}
	d, err := h.store.Delete(ctx, p, by, why)
	return ui.DeletedView(d), toDeleter(err)
}

// toDeleter says in the page's words what became of a deletion.
func toDeleter(err error) error {
	switch {
	case errors.Is(err, storage.ErrAway):
		return &ui.Problem{Status: http.StatusConflict, Message: "a volume went away meanwhile, and nothing was deleted", Fix: "look at a new plan, and ask again"}
	case errors.Is(err, storage.ErrUncounted):
		return fmt.Errorf("%w: %w", ui.ErrWaits, &ui.Problem{
			Status: http.StatusServiceUnavailable, Message: "the deletion goes on, but what is gone by now cannot be read",
			Fix: "look at what is left, and at the recorder's health",
		})
	}
	return err
}

// stretches joins segments that follow each other.
func stretches(list []storage.Segment) []ui.DeletionPart {
	parts := []ui.DeletionPart{}
	for _, seg := range list {
		if n := len(parts); n > 0 && parts[n-1].Stream == seg.Stream && !seg.Start.After(parts[n-1].To) {
			last := &parts[n-1]
			last.Segments++
			last.Bytes += seg.Bytes
			if seg.End.After(last.To) {
				last.To = seg.End
			}
			continue
		}
		parts = append(parts, ui.DeletionPart{Stream: seg.Stream, From: seg.Start, To: seg.End, Segments: 1, Bytes: seg.Bytes})
	}
	return parts
}
