package auth

// Dismiss is told that a provider vouches for somebody, and that this gives them no
// role here any more: their sessions and tokens end, and what is left of the account
// sees nothing. It is audited, as refusals of what strangers can repeat are: not
// without end.
func (a *Accounts) Dismiss(x External, from Source) error {
	const why = "no role at the provider"
	a.refuseExternal(x, why, from)
	return a.update(func(t *tx) error {
		id := t.bucket(bucketSubjects).Get(pair(x.Provider, x.Subject))
		if id == nil {
			return nil
		}
		acc, err := t.mustAccount(string(id))
		if err != nil {
			return err
		}
		return t.dismiss(x.principal(from), acc, why)
	})
}

// RefuseExternal audits that somebody came back from a provider and was not signed in,
// and why: nobody is named by it. As anybody can repeat it, it is bounded.
func (a *Accounts) RefuseExternal(provider, why string, from Source) {
	a.refuseExternal(External{Provider: bounded(provider, maxID)}, why, from)
}

func (a *Accounts) refuseExternal(x External, why string, from Source) {
	object := ""
	if x.Name != "" {
		object = userObject(bounded(x.Name, maxName))
	}
	e := x.principal(from).event("sign-in", object)
	e.Detail = bounded(why, maxDetail)
	a.refusedRandom("external", e, from)
}
