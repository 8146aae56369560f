package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
	"github.com/stockade-nvr/stockade/ui/uitest"
)

// People see the house once these stand on the page.
const (
	atTheEntrance = `!!document.querySelector('.card h1')`
	inTheHouse    = `!!document.querySelector('.who-button')`
)

// byName gives the site's address by a name, which passkeys need.
func (a *accountSite) byName() string {
	at := strings.Replace(a.base, "127.0.0.1", "localhost", 1)
	p := *a.policy.Load()
	p.Origins = []string{at}
	a.policy.Store(&p)
	return at
}

// require has the admin's role need a second factor.
func (a *accountSite) require(second bool) {
	p := *a.policy.Load()
	p.SecondFactor = map[auth.Role]bool{auth.Admin: second}
	a.policy.Store(&p)
}

// write types into the field with that label, in place of what it has.
func write(page context.Context, t *testing.T, label, text string) {
	t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll('label.label')].findLast(l => l.textContent === %q)?.htmlFor`, label)
	await(page, t, `!!`+find)
	typed := false
	do(page, t, chromedp.Evaluate(fmt.Sprintf(`{const e = document.getElementById(%s); e.focus(); e.select(); document.execCommand('insertText', false, %q)}`, find, text), &typed))
	if !typed { // in one step: between two the page may move the cursor
		t.Fatalf("%q takes no text", label)
	}
}

// press presses the button or link that shows the words.
func press(page context.Context, t *testing.T, words string) {
	t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll('button, a, summary')].findLast(e => e.checkVisibility() && !e.disabled && e.textContent.trim() === %q)`, words)
	await(page, t, `!!`+find)
	do(page, t, chromedp.Evaluate(find+`.click()`, nil))
}

// submit presses the button of the open dialog, once it can be pressed.
func submit(page context.Context, t *testing.T) {
	t.Helper()
	const find = `document.querySelector('dialog[open] button[type=submit]:not(:disabled)')`
	await(page, t, `!!`+find)
	do(page, t, chromedp.Evaluate(find+`.click()`, nil))
}

// says waits until the page shows a text.
func says(page context.Context, t *testing.T, text string) {
	t.Helper()
	await(page, t, fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// enter signs in by name and password.
func enter(page context.Context, t *testing.T, name, password string) {
	t.Helper()
	await(page, t, atTheEntrance)
	write(page, t, "Name", name)
	write(page, t, "Password or one-time code", password)
	press(page, t, "Sign in")
}

// leave signs out by the menu.
func leave(page context.Context, t *testing.T) {
	t.Helper()
	do(page, t, chromedp.Click(`.who-button`, chromedp.ByQuery))
	press(page, t, "Sign out")
	says(page, t, "You are signed out")
}

// theCode gives the code that an app with that secret shows, so many steps from now.
func theCode(t *testing.T, secret string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// secretOn gives the secret that the page shows.
func secretOn(page context.Context, t *testing.T) string {
	t.Helper()
	await(page, t, `!!document.querySelector('[data-secret]')`)
	secret, err := uitest.Text(page, `document.querySelector('[data-secret]').dataset.secret`)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// strictly has the test fail on whatever the page's content policy refuses, and on
// an error that the page does not catch.
func strictly(page context.Context, t *testing.T) {
	t.Helper()
	chromedp.ListenTarget(page, func(e any) {
		switch e := e.(type) {
		case *log.EventEntryAdded:
			if strings.Contains(e.Entry.Text, "Content Security Policy") || strings.Contains(e.Entry.Text, "Trusted") {
				t.Error("the page:", e.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			t.Error("the page:", e.ExceptionDetails.Error())
		}
	})
}

// named waits until everything on the page that can be used has a name for who cannot see it.
func named(page context.Context, t *testing.T) {
	t.Helper()
	await(page, t, `((bad) => bad.length === 0 || bad.map(e => e.outerHTML).join(' '))(
		[...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, [role=region]')].filter(e => e.checkVisibility() &&
			!(e.textContent.trim() || e.ariaLabel || e.getAttribute('aria-labelledby') || [...(e.labels ?? [])].some(l => l.textContent.trim()))))`)
}

// withAuthenticator gives the browser an authenticator that always finds its user present and verified.
func withAuthenticator(page context.Context, t *testing.T) {
	t.Helper()
	do(page, t, webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
}

func TestFirstRunMakesTheFirstAdmin(t *testing.T) {
	s := newFakeSite()
	a := &accountSite{fakeSite: s, ids: map[string]string{}, visitors: map[string]*visitor{}}
	a.policy.Store(&auth.Policy{SiteName: "Camp North"})
	a.open(t, t.TempDir())
	s.with = a.wire
	a.base = s.serve(t)
	code, err := a.accounts.SetupCode()
	if err != nil {
		t.Fatal(err)
	}
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(a.base))
	says(page, t, "This recorder has no admin yet")
	write(page, t, "Setup code", "AAAA-BBBB-CCCC-DDDD")
	write(page, t, "Your name, to sign in with", "kim")
	write(page, t, "Password", "short")
	says(page, t, "7 characters more")
	write(page, t, "Password", secret)
	says(page, t, "Long enough")
	press(page, t, "Create admin and sign in")
	says(page, t, "The code is wrong")
	write(page, t, "Setup code", strings.ToLower(code))
	press(page, t, "한국어")
	await(page, t, `document.documentElement.lang === 'ko'`)
	press(page, t, "관리자 만들고 로그인")
	await(page, t, inTheHouse)
	await(page, t, `document.documentElement.lang === 'ko' && document.querySelector('[data-badge]')?.dataset.badge === 'enforced'`)
	users, err := a.accounts.Users(box())
	if err != nil || len(users) != 1 || users[0].Name != "kim" || users[0].Role != auth.Admin || users[0].Language != "ko" {
		t.Errorf("users %+v, %v", users, err)
	}
}

func TestSigningInOnThePage(t *testing.T) {
	a := campNorth(t).withAccounts(t)
	page := browse(t)
	strictly(page, t)
	withAuthenticator(page, t)
	do(page, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.byName()+"/#/account"))

	t.Run("wrong, then right, and back to the page that was wanted", func(t *testing.T) {
		enter(page, t, "admin", "not the password")
		says(page, t, "Name or password is wrong")
		await(page, t, `document.querySelector('input[type=password]').value === ''`)
		enter(page, t, "admin", secret)
		await(page, t, inTheHouse+` && location.hash === '#/account' && !!document.querySelector('#profile')`)
	})
	var app, used string
	t.Run("an authenticator app is set up with the password", func(t *testing.T) {
		press(page, t, "Set up")
		write(page, t, "Your password", "not the password")
		press(page, t, "Go on")
		says(page, t, "The password is wrong")
		write(page, t, "Your password", secret)
		press(page, t, "Go on")
		app = secretOn(page, t)
		await(page, t, `document.querySelector('.qr path').getAttribute('d').length > 500`)
		used = theCode(t, app, 0)
		write(page, t, "Type the code that the app shows", used) // goes off by itself
		await(page, t, `document.querySelector('#authenticator .state').textContent === 'On'`)
	})
	t.Run("its code is asked for, once", func(t *testing.T) {
		leave(page, t)
		enter(page, t, "admin", secret)
		says(page, t, "Second step")
		write(page, t, "Code from your app", used)
		says(page, t, "The code is wrong or was used")
		write(page, t, "Code from your app", theCode(t, app, 1))
		await(page, t, inTheHouse)
	})
	t.Run("a passkey is added, and signs in by itself", func(t *testing.T) {
		do(page, t, chromedp.Evaluate(`location.hash = '#/account'`, nil))
		press(page, t, "Add passkey")
		write(page, t, "Name of the passkey", "Blue key")
		write(page, t, "Your password", secret)
		press(page, t, "Add passkey")
		await(page, t, `!!document.querySelector('[data-passkey="Blue key"]')`)
		press(page, t, "Rename")
		write(page, t, "Name of the passkey", "Green key")
		press(page, t, "Save")
		await(page, t, `!!document.querySelector('[data-passkey="Green key"]')`)
		leave(page, t)
		press(page, t, "Sign in with a passkey")
		await(page, t, inTheHouse)
		await(page, t, `!document.querySelector('.card')`)
	})
	t.Run("a passkey is the second step too", func(t *testing.T) {
		leave(page, t)
		enter(page, t, "admin", secret)
		says(page, t, "Second step")
		press(page, t, "Use a passkey") // instead of the code
		press(page, t, "Use a passkey")
		await(page, t, inTheHouse)
	})
	t.Run("a token is made, and lets a program in", func(t *testing.T) {
		do(page, t, chromedp.Evaluate(`location.hash = '#/account'`, nil))
		press(page, t, "Create token")
		write(page, t, "Which program is it for?", "Wall display")
		write(page, t, "Your password", secret)
		named(page, t)
		submit(page, t)
		program := &visitor{token: secretOn(page, t)}
		press(page, t, "Done")
		await(page, t, `!!document.querySelector('[data-token="Wall display"]') && !document.querySelector('[data-secret]')`)
		if status, _, body := a.ask(t, program, "GET", "/api/v1/cameras", ""); status != 200 || !strings.Contains(body, "gate") {
			t.Error(status, body)
		}
		if status, _, body := a.ask(t, program, "GET", "/api/v1/users", ""); status != 403 {
			t.Error(status, body)
		}
	})
	t.Run("other sessions are ended, and language and theme stay with the account", func(t *testing.T) {
		await(page, t, `document.querySelectorAll('#sessions [data-session]').length >= 2`)
		var other string
		do(page, t, chromedp.Evaluate(`[...document.querySelectorAll('#sessions [data-session]')].find(e => !e.querySelector('.tag')).dataset.session`, &other),
			chromedp.Evaluate(`[...document.querySelectorAll('#sessions [data-session]')].find(e => !e.querySelector('.tag')).querySelector('button').click()`, nil))
		await(page, t, fmt.Sprintf(`!document.querySelector('[data-session="%s"]')`, other))
		do(page, t, chromedp.Evaluate(`[...document.querySelectorAll('#profile button')].find(b => b.textContent === '한국어').click()`, nil),
			chromedp.Evaluate(`document.querySelectorAll('#profile .lines > div:nth-child(2) button')[2].click()`, nil))
		await(page, t, `document.documentElement.dataset.theme === 'dark' && document.querySelector('h1').textContent === '내 계정'`)
		eventually(t, "the account does not keep what was chosen", func() bool {
			u, err := a.accounts.User(box(), a.ids["admin"])
			return err == nil && u.Language == "ko" && u.Theme == "dark"
		})
		do(page, t, chromedp.Evaluate(`[...document.querySelectorAll('#profile button')].find(b => b.textContent === 'English').click()`, nil))
		named(page, t)
	})
	t.Run("too many tries are answered with the time to wait", func(t *testing.T) {
		leave(page, t)
		for range 7 {
			enter(page, t, "viewer", "not the password")
			await(page, t, `!!document.querySelector('.trouble')`)
			locked, err := uitest.Text(page, `document.querySelector('.countdown')?.textContent ?? ''`)
			if err != nil {
				t.Fatal(err)
			}
			if locked != "" {
				break
			}
		}
		await(page, t, `/^(Try again in \d+:\d\d|You can try again now\.)$/.test(document.querySelector('.countdown')?.textContent)`)
	})
}

func TestARoleThatNeedsASecondFactorEnrolsAtSignIn(t *testing.T) {
	a := newFakeSite().withAccounts(t)
	a.require(true)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(390, 844), chromedp.Navigate(a.byName()))
	enter(page, t, "admin", secret)
	says(page, t, "Set up a second factor")
	do(page, t, chromedp.Evaluate(`document.querySelector('.way').click()`, nil))
	app := secretOn(page, t)
	write(page, t, "Type the code that the app shows", theCode(t, app, 0))
	await(page, t, inTheHouse)
}

// provider is a sign-on provider that sends people back at once.
type provider struct{ refuses atomic.Bool }

func (*provider) Providers() []ui.ProviderView {
	return []ui.ProviderView{{ID: "camp", Name: "Camp ID"}}
}

func (*provider) Begin(w http.ResponseWriter, r *http.Request, id string) error {
	http.Redirect(w, r, "/api/v1/sso/"+id+"/callback?code=x&state=y", http.StatusSeeOther)
	return nil
}

func (p *provider) Finish(_ http.ResponseWriter, _ *http.Request, id string) (auth.External, error) {
	if p.refuses.Load() {
		return auth.External{}, &ui.Problem{Status: http.StatusForbidden, Message: "no group of yours may sign in", Fix: "ask"}
	}
	return auth.External{Provider: id, Subject: "1", Name: "yoon", Display: "Yoon", Grant: auth.Grant{Role: auth.Auditor}}, nil
}

func TestAProviderSignsInAndSendsBackToThePageThatWasWanted(t *testing.T) {
	s, camp := newFakeSite(), &provider{}
	camp.refuses.Store(true)
	a := &accountSite{fakeSite: s, ids: map[string]string{}, visitors: map[string]*visitor{}}
	a.policy.Store(&auth.Policy{SiteName: "Camp North"})
	a.open(t, t.TempDir())
	s.with = func(o *ui.Options) {
		a.wire(o)
		o.SSO = camp
	}
	a.base = s.serve(t)
	a.add(t, auth.NewUser{Name: "admin", Grant: auth.Grant{Role: auth.Admin}})
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(a.base+"/#/users"))
	press(page, t, "Sign in with Camp ID")
	says(page, t, "may not sign in here")
	camp.refuses.Store(false)
	press(page, t, "Sign in with Camp ID")
	await(page, t, inTheHouse+` && location.hash === '#/users' && `+userRow("yoon"))
	await(page, t, `document.querySelector(".office-tools .tag")?.textContent === "Read only"`)
}
