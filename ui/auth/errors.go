package auth

import (
	"errors"
	"time"
)

// Kind sorts errors by what the asker can do about them.
type Kind int

// The kinds. An error of this package that is none of these is ours or the disk's.
const (
	Invalid   Kind = iota + 1 // what was sent cannot be; nothing was changed
	SignedOut                 // the cookie or token is unknown, ended or expired
	Denied                    // wrong credentials, or not allowed to this principal
	NotFound                  // no such user, session, token, passkey or confirmation
	Conflict                  // in the way of what is: a name that is taken, the last admin
	Locked                    // too many tries: again after RetryAfter
	Pending                   // waits for a second admin: see Confirmation
)

// Error is an answer to whoever asked: a message and what to do. Neither says
// anything of an account that the asker has not proved to own.
type Error struct {
	Kind         Kind
	Message, Fix string
	RetryAfter   time.Duration // of Locked
	Confirmation string        // of Pending: the id of what waits
}

// Error gives the message and the fix.
func (e *Error) Error() string { return e.Message + ": " + e.Fix }

// Is reports whether target is an *Error of the same kind.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Kind == e.Kind
}

// ErrRevoked is the cause of a context of Follow that ended because its
// principal may no longer do what it does. It is normal.
var ErrRevoked = errors.New("the right to this has ended")

func invalid(message, fix string) *Error  { return &Error{Kind: Invalid, Message: message, Fix: fix} }
func denied(message, fix string) *Error   { return &Error{Kind: Denied, Message: message, Fix: fix} }
func conflict(message, fix string) *Error { return &Error{Kind: Conflict, Message: message, Fix: fix} }
func notFound(what string) *Error {
	return &Error{Kind: NotFound, Message: "there is no such " + what, Fix: "read the list again"}
}

func signedOut() *Error {
	return &Error{Kind: SignedOut, Message: "not signed in", Fix: "sign in"}
}

// wrong is the one answer to every sign-in that is not right, whatever is wrong with it.
func wrong() *Error {
	return denied("name or password is wrong", "try again, or ask an admin for a new code")
}

// isKind reports whether err is an *Error of the kind.
func isKind(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}
