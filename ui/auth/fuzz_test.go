package auth_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui/auth"
)

func FuzzCookie(f *testing.F) {
	s := newSite(f)
	admin := s.setup()
	f.Add(admin.cookie)
	f.Add(admin.cookie[:42])
	f.Add(strings.Repeat("A", 43))
	f.Add("")
	f.Add(admin.cookie + "=")
	f.Fuzz(func(t *testing.T, cookie string) {
		p, err := s.Authenticate(cookie, at(1))
		if (err == nil) != (cookie == admin.cookie) {
			t.Fatalf("%q gives %+v, %v", cookie, p, err)
		}
		if cookie == admin.cookie {
			return
		}
		if wantAny(t, err).Kind != auth.SignedOut || p.Is(auth.Admin, auth.Viewer) {
			t.Errorf("%q gives %v", cookie, err)
		}
		_, _, err = s.TOTP(cookie, cookie, at(1))
		wantKind(t, err, auth.SignedOut)
		if err := s.SignOut(cookie, at(1)); err != nil {
			t.Error(err)
		}
	})
}

func FuzzDevices(f *testing.F) {
	s := newSite(f)
	admin := s.setup()
	known := admin.device(1).Devices
	f.Add(known)
	f.Add(strings.Repeat("A", 43) + "." + known)
	f.Add(strings.Repeat(known+".", 16))
	f.Add("...")
	f.Add(known + "=")
	f.Fuzz(func(t *testing.T, sent string) {
		from := at(1)
		from.Devices = sent
		p := must(s.Authenticate(admin.cookie, from))(t)
		kept := must(s.Remember(p))(t)
		for i, secret := range strings.Split(kept, ".") {
			if len(secret) != 43 || i >= 16 {
				t.Errorf("%q is kept as %q", sent, kept)
			}
			if i > 0 && !strings.Contains(sent, secret) {
				t.Errorf("%q gets a secret more: %q", sent, kept)
			}
		}
		if !strings.Contains(sent, known) && strings.Contains(kept, known) {
			t.Errorf("%q is given another's secret", sent)
		}
	})
}

func FuzzToken(f *testing.F) {
	s := newSite(f)
	_, secret, err := s.AddToken(s.setup().Principal, auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}, password)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secret)
	f.Add(strings.TrimPrefix(secret, "nvr_"))
	f.Add("nvr_" + strings.Repeat("0", 43))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := s.AuthenticateToken(token, at(1))
		if (err == nil) != (token == secret) {
			t.Fatalf("%q gives %+v, %v", token, p, err)
		}
	})
}

func FuzzPasskey(f *testing.F) {
	s := newSite(f)
	admin := s.setup()
	x := newAuthenticator(f)
	_, creating, err := s.BeginAddPasskey(admin.Principal, password)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(x.create(creating))
	admin.addPasskey(x)
	_, getting, err := s.BeginPasskey("", at(2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(x.get(getting))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"id":"","rawId":"","type":"public-key","response":{}}`))
	f.Fuzz(func(t *testing.T, credential []byte) {
		id, _, err := s.BeginPasskey("", at(2))
		if err != nil {
			t.Fatal(err)
		}
		if _, p, err := s.FinishPasskey("", id, credential, at(2)); err == nil {
			t.Fatalf("signed in as %+v", p)
		} else {
			wantAny(t, err)
		}
		id, _, err = s.BeginAddPasskey(admin.Principal, password)
		if err != nil {
			t.Fatal(err)
		}
		if made, _, err := s.FinishAddPasskey(admin.Principal, id, "x", credential); err == nil {
			t.Fatalf("registered %+v", made)
		} else {
			wantAny(t, err)
		}
	})
}

func FuzzSignIn(f *testing.F) {
	s := newSite(f)
	s.setup()
	f.Add("admin", password2)
	f.Add("ＡＤＭＩＮ", "abcd-efgh-jkmn-pqrs")
	f.Add("정\xff", "\x00")
	n := 0
	f.Fuzz(func(t *testing.T, name, typed string) {
		n++
		s.pass(25 * time.Hour) // no lock
		_, p, err := s.SignIn(name, typed, at(n))
		if err == nil && typed != password {
			t.Fatalf("%q, %q signs in %s", name, typed, p.Name())
		}
		if err != nil {
			wantKind(t, err, auth.Denied)
		}
	})
}

func FuzzStoredHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c2FsdHNhbHQ$AA")
	f.Add("")
	f.Fuzz(func(t *testing.T, stored string) {
		if again, err := auth.ParseHash(stored); err == nil && again != stored {
			t.Errorf("%q reads as %q", stored, again)
		}
	})
}

// FuzzNewUser has whatever a handler decodes stay within its bounds.
func FuzzNewUser(f *testing.F) {
	s := newSite(f)
	admin := s.setup()
	kim := admin.add(viewer("kim"), 2)
	f.Add([]byte(`{"name":"kim","display":"Kim","role":"operator","rights":["live"],"cameras":["a"],"groups":null,"language":"ko"}`))
	f.Add([]byte(`{"role":"viewer","rights":[],"all":true,"cameras":["\u202e"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var n auth.NewUser
		if json.Unmarshal(body, &n) != nil {
			return
		}
		u, err := s.ChangeUser(admin.Principal, kim.User.ID, n)
		if err != nil {
			wantAny(t, err)
			return
		}
		for _, r := range u.Rights {
			if u.Role == auth.Viewer && (r == auth.Export || r == auth.PTZ) {
				t.Errorf("a viewer may %s", r)
			}
		}
		if u.Name != "kim" || len(u.Display) > 512 || u.Rights == nil || u.Cameras == nil || u.Groups == nil {
			t.Errorf("became %+v", u)
		}
	})
}
