package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// touchEvery is how often a session's or token's last use is written down at most.
const touchEvery = time.Minute

// sessionRecord is a session as the database has it.
type sessionRecord struct {
	ID       string    `json:"id"`
	User     string    `json:"user"`
	Method   string    `json:"method"`
	ByCode   bool      `json:"by_code,omitempty"`  // by a one-time code: a password must be set
	Second   bool      `json:"second,omitempty"`   // a second factor was proved
	External bool      `json:"external,omitempty"` // a provider proved the first
	IP       string    `json:"ip"`
	Agent    string    `json:"agent,omitempty"`
	Created  time.Time `json:"created"`
	Proved   time.Time `json:"proved"` // when credentials were last proved
	Seen     time.Time `json:"seen"`
}

// clockSlack is how far the clock may go back before sessions end: whoever sets it
// back by a year must not make them live as long.
const clockSlack = 5 * time.Minute

// ended reports whether the session cannot be used any more.
func (s *sessionRecord) ended(acc *account, policy Policy, now time.Time) bool {
	return !now.Before(s.expires(acc, policy)) || now.Add(clockSlack).Before(s.Seen)
}

// expires is when the session ends if it is not used again.
func (s *sessionRecord) expires(acc *account, policy Policy) time.Time {
	if len(acc.needs(s, policy)) > 0 {
		return s.Proved.Add(partialLife)
	}
	idle := policy.Idle
	if acc.User.Role.fixed() {
		idle = min(idle, readerIdle)
	}
	if end := s.Created.Add(policy.Max); end.Before(s.Seen.Add(idle)) {
		return end
	}
	return s.Seen.Add(idle)
}

// live is a session that can be used, with its account and where it is kept.
type live struct {
	record *sessionRecord
	acc    *account
	hash   hashed
	policy Policy
}

func (l *live) needs() []Need { return l.acc.needs(l.record, l.policy) }

func (l *live) principal(from Source) Principal {
	return Principal{
		User: l.acc.public(), Session: l.record.ID, Need: l.needs(), Method: l.record.Method, from: from,
	}
}

// session reads the session kept under the hash. There being none that can be
// used is the asker's error.
func (t *tx) session(hash hashed) (*live, error) {
	l := &live{record: new(sessionRecord), hash: hash, policy: t.a.policy()}
	ok, err := t.get(bucketSessions, hash[:], l.record)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, signedOut()
	}
	if l.acc, err = t.account(l.record.User); err != nil {
		return nil, err
	}
	if l.acc == nil || l.acc.User.Disabled || l.record.ended(l.acc, l.policy, t.now) {
		return nil, signedOut()
	}
	return l, nil
}

// sessionOf reads the session that the principal uses, as it is now.
func (t *tx) sessionOf(p Principal) (*live, error) {
	if !p.person() {
		return nil, signedOut()
	}
	hash := t.bucket(bucketSessionsOf).Get(pair(p.User.ID, p.Session))
	if len(hash) != len(hashed{}) {
		return nil, signedOut()
	}
	return t.session(hashed(hash))
}

// open starts a session and gives its cookie. The account is changed, not put.
func (t *tx) open(acc *account, record sessionRecord, from Source) (cookie string, l *live, err error) {
	if wait := t.a.signIns.Take(acc.User.ID, t.now); wait > 0 {
		return "", nil, locked(wait)
	}
	record.ID, record.User = newID(), acc.User.ID
	record.IP, record.Agent = from.address(), from.agent()
	record.Created, record.Proved, record.Seen = t.now, t.now, t.now
	if err := t.makeRoom(acc, from); err != nil {
		return "", nil, err
	}
	l = &live{record: &record, acc: acc, policy: t.a.policy()}
	if cookie, err = t.keep(l); err != nil {
		return "", nil, err
	}
	if len(l.needs()) == 0 {
		acc.User.LastSignIn = t.now
	}
	return cookie, l, nil
}

// rotate gives the session a new secret; the old one is worth nothing from now on.
func (t *tx) rotate(l *live) (cookie string, err error) {
	if err := t.remove(bucketSessions, l.hash[:]); err != nil {
		return "", err
	}
	l.record.Proved, l.record.Seen = t.now, t.now
	return t.keep(l)
}

// keep puts the session under a new secret.
func (t *tx) keep(l *live) (cookie string, err error) {
	cookie, l.hash = newCookie()
	if err := t.put(bucketSessions, l.hash[:], l.record); err != nil {
		return "", err
	}
	if err := t.bucket(bucketSessionsOf).Put(pair(l.record.User, l.record.ID), l.hash[:]); err != nil {
		return "", fmt.Errorf("write sessions: %w", err)
	}
	return cookie, nil
}

// stored is a session of a user, usable or not.
type stored = kept[sessionRecord]

// sessionsOf lists the sessions of a user, those that have expired too, oldest first.
func (t *tx) sessionsOf(userID string) ([]stored, error) {
	list, err := keptOf[sessionRecord](t, bucketSessionsOf, bucketSessions, userID)
	slices.SortFunc(list, func(x, y stored) int {
		return cmp.Or(x.record.Created.Compare(y.record.Created), strings.Compare(x.record.ID, y.record.ID))
	})
	return list, err
}

// makeRoom ends a user's oldest sessions if there are too many for one more.
func (t *tx) makeRoom(acc *account, from Source) error {
	list, err := t.sessionsOf(acc.User.ID)
	if err != nil {
		return err
	}
	for len(list) >= maxSessions {
		e := Principal{User: acc.User, from: from}.event("session.end", "session:"+list[0].record.ID)
		e.Detail = "to make room for another sign-in"
		if err := errors.Join(t.drop(list[0]), t.audit(e)); err != nil {
			return err
		}
		list = list[1:]
	}
	return nil
}

func (t *tx) drop(s stored) error {
	return t.unkeep(bucketSessionsOf, bucketSessions, s.hash, s.record.User, s.record.ID)
}

// endSessions ends all sessions of a user but the one by the id.
func (t *tx) endSessions(userID, but string) error {
	list, err := t.sessionsOf(userID)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.record.ID != but {
			if err := t.drop(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// listSessions gives the sessions of an account that can be used, latest first.
func (t *tx) listSessions(acc *account, current string) ([]Session, error) {
	list, err := t.sessionsOf(acc.User.ID)
	if err != nil {
		return nil, err
	}
	policy := t.a.policy()
	out := []Session{}
	for _, s := range slices.Backward(list) {
		r := s.record
		if r.ended(acc, policy, t.now) {
			continue
		}
		out = append(out, Session{
			ID: r.ID, Method: r.Method, IP: r.IP, Agent: r.Agent, Created: r.Created, Seen: r.Seen,
			Expires: r.expires(acc, policy), Current: r.ID == current, Partial: len(acc.needs(&r, policy)) > 0,
		})
	}
	return out, nil
}

// endSession ends one session of an account, if there is such a one.
func (t *tx) endSession(acc *account, id string) error {
	list, err := t.sessionsOf(acc.User.ID)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.record.ID == id {
			return t.drop(s)
		}
	}
	return notFound("session")
}

// sweepSessions removes sessions that have ended by themselves.
func (t *tx) sweepSessions() error {
	var old []stored
	policy := t.a.policy()
	c := t.bucket(bucketSessions).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		s := stored{hash: slices.Clone(k)}
		if err := json.Unmarshal(v, &s.record); err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		acc, err := t.account(s.record.User)
		if err != nil {
			return err
		}
		if acc == nil || s.record.ended(acc, policy, t.now) {
			old = append(old, s)
		}
	}
	for _, s := range old {
		if err := t.drop(s); err != nil {
			return err
		}
	}
	return nil
}
