package sso

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestGroupsInTheirManyShapes(t *testing.T) {
	for name, c := range map[string]struct{ claims, claim, want string }{
		"a list":               {`{"groups":["a","b"]}`, "groups", "[a b]"},
		"one name":             {`{"groups":"a b"}`, "groups", "[a b]"},
		"inside":               {`{"realm":{"roles":["a"]}}`, "realm.roles", "[a]"},
		"a name with dots":     {`{"https://x.y/g":["a"]}`, "https://x.y/g", "[a]"},
		"an object":            {`{"urn:roles":{"a":{"1":"x"}}}`, "urn:roles", "[a]"},
		"not there":            {`{"realm":{"groups":["a"]}}`, "realm.roles", "[]"},
		"through something":    {`{"realm":"roles"}`, "realm.roles", "[]"},
		"a number":             {`{"groups":7}`, "groups", "[]"},
		"numbers among others": {`{"groups":[7,"a",null,["b"]]}`, "groups", "[a]"},
	} {
		t.Run(name, func(t *testing.T) {
			var claims map[string]any
			if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(groupsOf(claims, c.claim)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestUsedStatesAreBounded(t *testing.T) {
	s, now := newFlows(), time.Unix(1e9, 0)
	f := flow{State: "first", Until: now.Add(flowLife)}
	if !s.use(f, now) || s.use(f, now) {
		t.Error("a state is good once")
	}
	for i := range 3 * maxUsed {
		if !s.use(flow{State: fmt.Sprint(i), Until: now.Add(flowLife)}, now) {
			t.Fatal(i)
		}
	}
	if len(s.order) != maxUsed || len(s.used) != maxUsed {
		t.Errorf("%d and %d remembered", len(s.order), len(s.used))
	}
	s.use(flow{State: "last"}, now.Add(flowLife+1))
	if len(s.order) != 1 || len(s.used) != 1 {
		t.Errorf("%d and %d remembered of what has expired", len(s.order), len(s.used))
	}
}

func FuzzUnseal(f *testing.F) {
	s := newFlows()
	mine := flow{Provider: "camp", State: "s", Nonce: "n", Verifier: "v", Return: "https://10.0.0.5/", Until: time.Unix(1e9, 0).UTC()}
	sealed := s.seal(mine)
	f.Add(sealed)
	f.Add(newFlows().seal(mine))
	f.Add("")
	f.Fuzz(func(t *testing.T, cookie string) {
		if got, err := s.unseal(cookie); err == nil && (cookie != sealed || got != mine) {
			t.Errorf("read %+v out of %q", got, cookie)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	p := &provider{Provider: Provider{ID: "camp", GroupsClaim: "realm.roles", Roles: []GroupRole{{Group: "guards"}}}}
	f.Add([]byte(`{"sub":"u","realm":{"roles":["guards"]},"name":"Min","preferred_username":"min"}`))
	f.Add([]byte(`{"sub":"u","realm.roles":{"guards":{}},"name":"\u202e\u0000"}`))
	f.Add([]byte(`{"sub":7,"realm":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var claims map[string]any
		if json.Unmarshal(text, &claims) != nil {
			return
		}
		who, err := p.identify(claims)
		if err != nil {
			if !refusal(err) {
				t.Error(err)
			}
			return
		}
		if who.Subject == "" || who.Group != "guards" || !slices.Contains(groupsOf(claims, "realm.roles"), "guards") {
			t.Errorf("%+v of %s", who, text)
		}
		for _, s := range []string{who.Name, who.Display} {
			if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxName || strings.ContainsAny(s, "\n\r\x00\u202e") {
				t.Errorf("%q", s)
			}
		}
	})
}
