package cert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status says how the certificate is.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	current := k.current.Load()
	if current == nil {
		return Status{
			Own: k.wanted.own(), Problem: cmp.Or(k.problem, "there is no certificate yet"),
			Fix: "put right what it names: it is tried again by itself, and the page is not served off this machine until then",
		}
	}
	leaf := current.Leaf
	s := Status{
		Own: k.root == nil, Names: namesOf(leaf), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		Fingerprint: k.print(),
	}
	if k.root != nil {
		s.Renews = leaf.NotBefore.Add(backdated + renewAt)
		s.RootExpires = k.root.cert.NotAfter
	}
	s.Problem, s.Fix = k.trouble(s, k.now())
	return s
}

// trouble finds what a person should do something about, the worst first.
func (k *Keeper) trouble(s Status, now time.Time) (problem, fix string) {
	newRoot := fmt.Sprintf("stop nvr, move %s away, start it, and install the new root on every machine", k.rootFile())
	renewed := fmt.Sprintf("renew it and put the new files at %s and %s: no restart is needed", k.id.CertificateFile, k.id.KeyFile)
	switch {
	case now.Before(s.NotBefore):
		return "the certificate is not valid yet by this recorder's clock", "set the clock"
	case k.problem != "" && (s.Own || k.pending && k.wanted.own()):
		return "the certificate files cannot be used, the pair before stays in force: " + k.problem,
			"put certificate and key that belong together at both paths"
	case k.problem != "":
		return k.problem, "see that the state directory can be written"
	case s.Own && now.After(s.NotAfter):
		return "the certificate has expired", renewed
	case !s.Own && now.After(s.RootExpires):
		return "the site's own root has expired", newRoot
	case !s.Own && now.Add(warnRootBefore).After(s.RootExpires):
		return "the site's own root expires on " + s.RootExpires.Format(time.DateOnly), newRoot
	case s.Own && now.Add(warnBefore).After(s.NotAfter):
		return "the certificate expires on " + s.NotAfter.Format(time.DateOnly), renewed
	}
	missing := slices.DeleteFunc(slices.Clone(k.id.Names), func(n string) bool {
		return k.current.Load().Leaf.VerifyHostname(n) == nil
	})
	switch {
	case len(missing) == 0:
		return "", ""
	case s.Own:
		return "the certificate is not good for " + strings.Join(missing, ", "), "have one made for all of listen.names"
	}
	return "the site's own root may not sign for " + strings.Join(missing, ", "), "to be reached by that, " + newRoot
}
