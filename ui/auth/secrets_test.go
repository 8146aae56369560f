package auth_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// everything gives all keys and values of the database.
func (s *site) everything() []byte {
	s.t.Helper()
	var all bytes.Buffer
	var walk func(b *bbolt.Bucket) error
	walk = func(b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			all.Write(k)
			all.Write(v)
			all.WriteByte('\n')
			if v == nil {
				return walk(b.Bucket(k))
			}
			return nil
		})
	}
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return walk(b) })
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all.Bytes()
}

func TestNoSecretIsKeptOrAudited(t *testing.T) {
	s := newSite(t)
	setup := must(s.SetupCode())(t)
	cookie, p, err := s.Setup(setup, adminNamed("admin"), password, at(1))
	if err != nil {
		t.Fatal(err)
	}
	admin := &person{s, cookie, p}
	secrets := map[string]string{"setup code": setup, "password": password, "first cookie": cookie, "CSRF value": p.CSRF}
	_, secrets["code"], err = s.AddUser(p, viewer("kim"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = s.SignIn("admin", password2, at(1))
	secrets["wrong password"] = password2
	_, secrets["token"], err = s.AddToken(p, auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}, password)
	if err != nil {
		t.Fatal(err)
	}
	totp := admin.enrolTOTP()
	q := s.signIn("admin", 2)
	secrets["partial cookie"] = q.cookie
	if secrets["cookie"], _, err = s.TOTP(q.cookie, codeAt(t, totp, s.now()), at(2)); err != nil {
		t.Fatal(err)
	}
	secrets["device"] = admin.device(1).Devices
	admin.addPasskey(newAuthenticator(t))
	secrets["reset code"] = must(s.ResetUser(p, must(s.Users(p))(t)[1].ID))(t)

	kept := s.everything()
	if !bytes.Contains(kept, []byte("argon2id")) || !bytes.Contains(kept, []byte(totp)) {
		t.Fatal("the search does not find what is there")
	}
	events, err := json.Marshal(s.events)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range secrets {
		if secret == "" {
			t.Errorf("%s is empty", name)
		}
		for where, text := range map[string][]byte{"database": kept, "audit": events} {
			if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(strings.TrimPrefix(secret, "nvr_"))) {
				t.Errorf("the %s has the %s", where, name)
			}
		}
	}
	if bytes.Contains(events, []byte(totp)) || bytes.Contains(events, []byte("argon2id")) {
		t.Error("the audit has what only the database may have")
	}
	list, _ := json.Marshal(must(s.Users(p))(t))
	if bytes.Contains(list, []byte(totp)) || bytes.Contains(list, []byte("argon2id")) {
		t.Error("the list of users has it")
	}
}

func TestSecretsHaveTheirForms(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	_, token, err := s.AddToken(admin.Principal, auth.NewToken{Name: "x", Expires: s.now().Add(time.Hour)}, password)
	if err != nil {
		t.Fatal(err)
	}
	_, code, err := s.AddUser(admin.Principal, viewer("kim"))
	if err != nil {
		t.Fatal(err)
	}
	for form, secret := range map[string]string{
		`^nvr_[0-9A-Za-z]{43}$`: token, `^[A-Za-z0-9_-]{43}$`: admin.cookie, `^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$`: code,
	} {
		if !regexp.MustCompile(form).MatchString(secret) {
			t.Errorf("%q is not %s", secret, form)
		}
	}
}

func TestEverySignInTakesTheTimeOfOneHash(t *testing.T) {
	for name, password := range map[string]string{"admin": "wrong password", "nobody": "wrong password", "": "", "new": "AAAA-BBBB-CCCC-DDDD", "gone": password} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			s.setup()
			box := auth.LocalPrincipal("root")
			if _, _, err := s.AddUser(box, viewer("new")); err != nil {
				t.Fatal(err)
			}
			u, _, err := s.AddUser(box, viewer("gone"))
			if err != nil {
				t.Fatal(err)
			}
			n := viewer("")
			n.Disabled = true
			must(s.ChangeUser(box, u.ID, n))(t)
			release := auth.HoldHashes(s.Accounts)
			done := make(chan error, 1)
			go func() {
				_, _, err := s.SignIn(name, password, at(50))
				done <- err
			}()
			synctest.Wait()
			select {
			case err := <-done:
				t.Errorf("%q was answered without a hash: %v", name, err)
			default:
				release()
				wantKind(t, <-done, auth.Denied)
			}
		})
	}
}

func TestAHashOfAnotherCostIsMadeAnew(t *testing.T) {
	s := newSite(t)
	s.setup()
	cheap := auth.StoredHash(s.Accounts, "admin")
	s.dear = true
	s.restart()
	s.signIn("admin", 1)
	dear := auth.StoredHash(s.Accounts, "admin")
	if dear == cheap || !strings.HasPrefix(dear, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("kept is %s", dear)
	}
	s.signIn("admin", 1)
	if auth.StoredHash(s.Accounts, "admin") != dear {
		t.Error("made anew again")
	}
}

func TestThereAreSoManyUsers(t *testing.T) {
	s := newSite(t)
	admin := s.setup()
	if err := auth.FillUsers(s.Accounts); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.AddUser(admin.Principal, viewer("one-more"))
	wantKind(t, err, auth.Conflict)
	_, _, err = s.SignInExternal(external("s", "one-more", auth.Viewer), at(2))
	wantKind(t, err, auth.Conflict)
}

func TestADatabaseOfALaterVersionIsLeftAlone(t *testing.T) {
	s := newSite(t)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("auth")).Bucket([]byte("meta")).Put([]byte("format"), []byte("2"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Open(auth.Options{DB: s.db}); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("opened: %v", err)
	}
}
