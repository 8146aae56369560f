package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func TestSessionsEndByThemselves(t *testing.T) {
	tests := []struct {
		name   string
		role   auth.Role
		policy auth.Policy
		every  time.Duration // between uses
		ends   time.Duration // since the sign-in, at the first use at or after it
	}{
		{"an admin's without use", auth.Admin, auth.Policy{}, 30 * time.Minute, 30 * time.Minute},
		{"an auditor's without use", auth.Auditor, auth.Policy{}, 30 * time.Minute, 30 * time.Minute},
		{"an admin's, the site says less", auth.Admin, auth.Policy{Idle: 5 * time.Minute}, 5 * time.Minute, 5 * time.Minute},
		{"an admin's, the site says more", auth.Admin, auth.Policy{Idle: 12 * time.Hour}, 30 * time.Minute, 30 * time.Minute},
		{"an admin's in use", auth.Admin, auth.Policy{}, 29 * time.Minute, 24 * time.Hour},
		{"an operator's without use", auth.Operator, auth.Policy{}, 8 * time.Hour, 8 * time.Hour},
		{"a viewer's in use", auth.Viewer, auth.Policy{}, 7 * time.Hour, 24 * time.Hour},
		{"a viewer's in use, the site says more", auth.Viewer, auth.Policy{Max: 48 * time.Hour}, 7 * time.Hour, 48 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			admin := s.setup()
			p := admin.add(auth.NewUser{Name: "kim", Grant: auth.Grant{Role: tt.role, All: true}}, 2)
			s.ask(func(p *auth.Policy) { p.Idle, p.Max = tt.policy.Idle, tt.policy.Max })
			for used := time.Duration(0); ; {
				s.pass(tt.every)
				used += tt.every
				_, err := s.Authenticate(p.cookie, at(2))
				if used < tt.ends {
					if err != nil {
						t.Fatalf("ended after %v: %v", used, err)
					}
					continue
				}
				wantKind(t, err, auth.SignedOut)
				break
			}
		})
	}
}

func TestAClockSetBackMakesNoSessionLonger(t *testing.T) {
	s := newSite(t)
	p := s.setup()
	s.pass(-time.Minute)
	p.again()
	s.pass(-24 * time.Hour)
	p.gone()
}

func TestASessionInUseLivesHoweverShortTheSitesIdleTime(t *testing.T) {
	s := newSite(t)
	s.ask(func(p *auth.Policy) { p.Idle = 40 * time.Second })
	p := s.setup()
	for range 20 {
		s.pass(20 * time.Second)
		p.again()
	}
	s.pass(40 * time.Second)
	p.gone()
}

func TestAPartialSessionLivesAQuarterOfAnHour(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	admin.enrolTOTP()
	p := s.signIn("admin", 2)
	for range 14 {
		s.pass(time.Minute)
		p.again()
	}
	s.pass(time.Minute)
	p.gone()
}

func TestAUserHasFiftySessionsAndTheOldestEnds(t *testing.T) {
	s := newSite(t)
	first := s.setup()
	all := []*person{first}
	for range 50 {
		s.pass(time.Second)
		all = append(all, s.signIn("admin", 1))
	}
	first.gone()
	list := must(s.Sessions(all[50].Principal))(t)
	if len(list) != 50 || list[0].ID != all[50].Session || !list[0].Current || list[49].ID != all[1].Session || list[1].Current {
		t.Errorf("%d sessions, first %+v", len(list), list[0])
	}
	if list[0].IP != "10.0.0.1" || list[0].Agent != "Browser 1" || list[0].Method != "password" {
		t.Errorf("listed as %+v", list[0])
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	kim := admin.add(viewer("kim"), 2)
	other := s.signIn("kim", 3)

	// Nobody ends another's, but an admin.
	wantKind(t, s.EndSession(kim.Principal, admin.Session), auth.NotFound)
	_, err := s.UserSessions(kim.Principal, kim.User.ID)
	wantKind(t, err, auth.Denied)
	wantKind(t, s.EndUserSessions(kim.Principal, admin.User.ID), auth.Denied)

	if err := s.EndSession(kim.Principal, other.Session); err != nil {
		t.Fatal(err)
	}
	other.gone()
	if list := must(s.UserSessions(admin.Principal, kim.User.ID))(t); len(list) != 1 || list[0].Current {
		t.Errorf("kim's sessions: %+v", list)
	}
	if err := s.EndUserSessions(admin.Principal, kim.User.ID); err != nil {
		t.Fatal(err)
	}
	kim.gone()
	mine := s.signIn("admin", 9)
	if err := s.EndUserSessions(admin.Principal, admin.User.ID); err != nil {
		t.Fatal(err)
	}
	mine.gone()
	admin.again()
}

func TestABrowsersNameIsBoundedAndPlain(t *testing.T) {
	s := newSite(t)
	s.setup()
	s.pass(time.Second)
	from := at(1)
	from.Agent = "a\nb\x00\u202e" + strings.Repeat("정", 500) + "\xff"
	_, p, err := s.SignIn("admin", password, from)
	if err != nil {
		t.Fatal(err)
	}
	agent := must(s.Sessions(p))(t)[0].Agent
	if !strings.HasPrefix(agent, "ab정") || len(agent) > 200 {
		t.Errorf("kept as %q", agent)
	}
}

func TestPreferences(t *testing.T) {
	s := newSite(t)
	p := s.setup()
	u := must(s.SetPreferences(p.Principal, auth.Preferences{Display: " Kim Cheol-su ", Language: "ko", Theme: "dark"}))(t)
	if u.Display != "Kim Cheol-su" || u.Language != "ko" || u.Theme != "dark" || p.again().User.Theme != "dark" {
		t.Errorf("kept as %+v", u)
	}
	if same := must(s.SetPreferences(p.Principal, auth.Preferences{Display: "Kim Cheol-su", Language: "ko", Theme: "dark"}))(t); same.Display != u.Display || len(s.log("user.preferences")) != 1 {
		t.Errorf("what was so already: %+v, entries: %d", same, len(s.log("user.preferences")))
	}
	for name, w := range map[string]auth.Preferences{
		"a long name": {Display: strings.Repeat("x", 129)}, "a line end": {Display: "a\nb"},
		"turned around": {Display: "a\u202eb"}, "no language": {Language: "../x"}, "no theme": {Theme: strings.Repeat("x", 17)},
	} {
		if _, err := s.SetPreferences(p.Principal, w); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
