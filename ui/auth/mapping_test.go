package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

const issuer = "https://login.camp.example"

// camp is a mapping of one provider, corp, with what its groups are given.
func camp(groups map[string]auth.Grant) auth.Mapping {
	return auth.Mapping{"corp": {Issuer: issuer, Groups: groups}}
}

// member is somebody whom the provider vouches for as of a group.
func member(subject, group string, g auth.Grant) auth.External {
	return auth.External{Provider: "corp", Issuer: issuer, Subject: subject, Name: subject, Group: group, Grant: g}
}

var (
	operates = auth.Grant{Role: auth.Operator, All: true}
	views    = auth.Grant{Role: auth.Viewer, Cameras: []string{"gate"}}
	rules    = auth.Grant{Role: auth.Admin}
)

// vouched signs somebody in at the provider, and makes a token of theirs.
func (s *site) vouched(x auth.External) (p *person, token string) {
	s.t.Helper()
	cookie, who, err := s.SignInExternal(x, at(2))
	if err != nil {
		s.t.Fatal(err)
	}
	_, token, err = s.AddToken(who, auth.NewToken{Name: "x", Rights: []auth.Right{auth.Live}, Expires: s.now().Add(time.Hour)}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return &person{s, cookie, who}, token
}

func TestUsersOfAProviderThatLeftLoseWhatTheyHave(t *testing.T) {
	groups := map[string]auth.Grant{"guards": operates, "staff": views}
	for name, c := range map[string]struct {
		next   auth.Mapping
		keeps  bool
		detail string
	}{
		"nothing changed":    {camp(groups), true, ""},
		"provider left":      {auth.Mapping{}, false, "not in the site file"},
		"another issuer":     {auth.Mapping{"corp": {Issuer: "https://evil.example", Groups: groups}}, false, "issuer is another"},
		"group left":         {camp(map[string]auth.Grant{"staff": views}), false, "no role any more"},
		"group given less":   {camp(map[string]auth.Grant{"guards": views, "staff": views}), false, "something else"},
		"other group left":   {camp(map[string]auth.Grant{"guards": operates}), true, ""},
		"unusable role left": {camp(map[string]auth.Grant{"guards": {Role: "king"}}), false, "no role any more"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			admin := s.setup()
			if err := s.Remap(auth.LocalPrincipal("root"), camp(groups)); err != nil {
				t.Fatal(err)
			}
			guard, token := s.vouched(member("kim", "guards", operates))
			s.restart()
			for range 2 { // also when it is said again, at the next start
				if err := s.Remap(auth.LocalPrincipal("root"), c.next); err != nil {
					t.Fatal(err)
				}
			}
			admin.again()
			_, err := s.Authenticate(guard.cookie, at(2))
			if (err == nil) != c.keeps {
				t.Errorf("the session: %v", err)
			}
			p, err := s.AuthenticateToken(token, at(2))
			if (err == nil) != (c.keeps || c.detail == "something else") || p.May(auth.Live, "yard", nil) != c.keeps {
				t.Errorf("the token: %v, %+v", err, p)
			}
			var told []string
			for _, e := range s.log("user.change") {
				if e.Actor != "box:root" || e.Before == nil || e.After == nil {
					t.Errorf("the audit says %+v", e)
				}
				told = append(told, e.Detail)
			}
			if want := map[bool]int{true: 0, false: 1}[c.keeps]; len(told) != want || want > 0 && !strings.Contains(told[0], c.detail) {
				t.Errorf("the audit says %q", told)
			}
			// Nobody comes in by what was so before.
			_, _, err = s.SignInExternal(member("kim", "guards", operates), at(2))
			if (err == nil) != c.keeps {
				t.Errorf("a sign-in that was under way: %v", err)
			}
		})
	}
}

func TestAMappingMakesNoAdminPastTwoPersons(t *testing.T) {
	s := newSite(t)
	s.setup()
	groups := map[string]auth.Grant{"guards": operates}
	if err := s.Remap(auth.LocalPrincipal("root"), camp(groups)); err != nil {
		t.Fatal(err)
	}
	guard, _ := s.vouched(member("kim", "guards", operates))
	s.ask(func(p *auth.Policy) { p.TwoPersons = true })
	groups["guards"] = rules
	if err := s.Remap(auth.LocalPrincipal("root"), camp(groups)); err != nil {
		t.Fatal(err)
	}
	if guard.again(); guard.User.Role != auth.Operator {
		t.Errorf("the guard is %+v", guard.User.Grant)
	}
	_, _, err := s.SignInExternal(member("kim", "guards", rules), at(2))
	wantKind(t, err, auth.Pending)
	// What waits is not carried out either once the site file takes it back.
	if err := s.Remap(auth.LocalPrincipal("root"), camp(map[string]auth.Grant{"guards": operates})); err != nil {
		t.Fatal(err)
	}
	waits := must(s.Confirmations(auth.LocalPrincipal("root")))(t)
	second := s.signIn("admin", 1)
	_, err = s.Confirm(second.Principal, waits[0].ID)
	wantKind(t, err, auth.Denied)
	if guard.again(); guard.User.Role != auth.Operator {
		t.Errorf("the guard is %+v", guard.User.Grant)
	}
}

func TestNobodyComesInByAnOldMappingWhenNothingCanBeWritten(t *testing.T) {
	s := newSite(t)
	s.setup()
	if err := s.Remap(auth.LocalPrincipal("root"), camp(map[string]auth.Grant{"guards": operates})); err != nil {
		t.Fatal(err)
	}
	s.vouched(member("kim", "guards", operates))
	full := errors.New("no space left on device")
	s.auditErr = full
	if err := s.Remap(auth.LocalPrincipal("root"), auth.Mapping{}); !errors.Is(err, full) {
		t.Errorf("got error %v", err)
	}
	s.auditErr = nil
	if _, _, err := s.SignInExternal(member("kim", "guards", operates), at(2)); err == nil {
		t.Error("signed in by an old mapping")
	}
}

func TestRefusedSignOnsAreAuditedWithinBounds(t *testing.T) {
	s := newSite(t)
	s.setup()
	s.RefuseExternal("camp", "this sign-in was used before", at(1))
	log := s.log("sign-in")
	if e := log[0]; len(log) != 1 || e.Outcome != "refused" || e.Actor != "sso:camp" || e.Detail != "this sign-in was used before" || e.Source == "" {
		t.Errorf("the audit says %+v", log)
	}
	// One source repeats it, then a thousand do.
	for range 100 {
		s.RefuseExternal("camp", "again", at(1))
	}
	if n := len(s.log("sign-in")); n > 6 {
		t.Errorf("%d entries from one source", n)
	}
	for i := range 1000 {
		s.RefuseExternal("camp", "flood", at(1000+i))
	}
	full := len(s.log("sign-in"))
	if full > 210 {
		t.Errorf("%d entries from a thousand sources", full)
	}
	s.pass(time.Minute)
	s.RefuseExternal("camp", "later", at(1))
	log = s.log("sign-in")
	if last := log[len(log)-1]; len(log) != full+1 || !strings.HasPrefix(last.Detail, "later; 8") || !strings.Contains(last.Detail, "not in the audit") {
		t.Errorf("%d entries, the last %+v", len(log), last)
	}
}

func TestTokensOfAProvidersUserEndWithinAWeek(t *testing.T) {
	s := newSite(t)
	s.setup()
	_, kim, err := s.SignInExternal(external("s1", "kim", auth.Operator), at(2))
	if err != nil {
		t.Fatal(err)
	}
	week := 7 * 24 * time.Hour
	for life, fine := range map[time.Duration]bool{week: true, week + time.Minute: false, 300 * 24 * time.Hour: false, 0: false} {
		_, _, err := s.AddToken(kim, auth.NewToken{Name: fmt.Sprint(life), Expires: s.now().Add(life)}, "")
		switch {
		case fine && err != nil:
			t.Errorf("%v: %v", life, err)
		case !fine:
			if e := wantKind(t, err, auth.Invalid); life > 0 && !strings.Contains(e.Message, "7 days") || !strings.Contains(e.Fix, "2026-11-30T09:00:00Z") {
				t.Errorf("%v: %v", life, e)
			}
		}
	}
}
