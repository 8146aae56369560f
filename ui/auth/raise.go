package auth

import (
	"fmt"
	"time"
)

// raise says what a second admin is told of a user who is to become an admin. Whoever
// lowered an admin, reset them and raised them again would be both persons: so the
// one who was told the code cannot ask before the user has signed in, and as the
// sign-in may have been theirs too, the second is told who had it.
func (t *tx) raise(p Principal, acc *account) (detail string, err error) {
	detail = "make an admin"
	if !t.a.policy().TwoPersons || acc.CodeBy == "" {
		return detail, nil
	}
	if acc.CodeBy == p.Name() && acc.Password == "" && len(acc.Keys) == 0 {
		return "", conflict("you gave that user their code, and they have not signed in since",
			"let them sign in and set a password first, or let another admin ask")
	}
	return fmt.Sprintf("%s; the credentials were given out by %s at %s: ask the user in person",
		detail, acc.CodeBy, acc.CodeMade.Format(time.RFC3339)), nil
}

// sameCredentials checks that nobody was given a code for the user since the
// confirmation was asked for: it says nothing of that.
func (t *tx) sameCredentials(r *confirmationRecord) error {
	acc, err := t.mustAccount(r.Pending.User)
	if err == nil && acc.CodeMade.After(r.Created) {
		err = conflict("the user was reset after this was asked for", "withdraw it, and let it be asked for again")
	}
	return err
}
