package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// holdLine is what one ledger line says of a hold: that it was placed, or that
// it has ended.
//
//	{"kind":"hold","at":"…","camera":"gate","start":"…","end":"…",
//	 "id":"0123456789abcdef","by":"kim","why":"…","expires":"…","prev":"…","crc":"…"}
//	{"kind":"hold-ended", … the same, with "ended_by" and "ended_why"}
//
// The lines lie in the ledgers of that camera on every volume, since footage of
// it may lie on any. An end is final, whichever line was written first: ids are
// not used twice.
type holdLine struct {
	Hold
	end *HoldEnd // nil: it was placed
}

// ledgerLine makes the line that a ledger gets.
func (l holdLine) ledgerLine() ledgerLine {
	line := ledgerLine{
		Kind: lineHold, At: l.Created.UTC(), Camera: l.Camera, Start: l.From.UTC(), End: l.To.UTC(),
		ID: l.ID, By: l.By, Why: l.Why, Expires: l.Expires,
	}
	if l.end != nil {
		line.Kind, line.At, line.EndedBy, line.EndedWhy = lineHoldEnded, l.end.At.UTC(), l.end.By, l.end.Why
	}
	return line
}

// hold reads a line about a hold; false when it makes no sense. One without an
// id gets that of its camera and beginning.
func (l ledgerLine) hold() (holdLine, bool) {
	h := holdLine{Hold: Hold{
		ID: l.ID, Camera: l.Camera, From: l.Start.UTC(), To: l.End.UTC(), By: l.By, Why: l.Why, Created: l.At.UTC(), Expires: l.Expires,
	}}
	if l.Kind == lineHoldEnded {
		h.end = &HoldEnd{At: l.At.UTC(), By: l.EndedBy, Why: l.EndedWhy}
	}
	if h.ID == "" {
		h.ID = placeID(l.Camera, l.Start)
	}
	if h.end != nil && h.end.At.IsZero() {
		return h, false
	}
	return h, h.check() == nil
}

// placeID is the id of a hold that was stated without one.
func placeID(camera string, from time.Time) string {
	sum := sha256.Sum256(append([]byte(camera+"/"), timeKey(from)...))
	return hex.EncodeToString(sum[:8])
}
