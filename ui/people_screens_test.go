package ui_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui/auth"
)

// screen is one way of looking at all pages of people.
type screen struct {
	language, theme string
	width, height   int64
}

// TestPeopleScreens takes pictures of signing in and of the pages of users,
// account and audit when STOCKADE_SCREENS names a folder; else one look at each
// proves that it can.
func TestPeopleScreens(t *testing.T) {
	dir, ways := os.Getenv("STOCKADE_SCREENS"), []screen{{"ko", "dark", 390, 844}}
	if dir == "" {
		dir = t.TempDir()
	} else {
		ways = nil
		for _, language := range []string{"en", "ko"} {
			for _, theme := range []string{"light", "dark"} {
				ways = append(ways, screen{language, theme, 1440, 900}, screen{language, theme, 390, 844})
			}
		}
	}
	a := peopled(t)
	fresh := firstRun(t)
	page := browse(t)
	withAuthenticator(page, t)
	at := a.byName()
	for _, way := range ways {
		t.Run(fmt.Sprintf("%s-%d-%s", way.language, way.width, way.theme), func(t *testing.T) {
			take := func(name string) {
				t.Helper()
				var png []byte
				do(page, t, chromedp.Sleep(350*time.Millisecond), chromedp.CaptureScreenshot(&png)) // drawers have come by then
				path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%s.png", name, way.width, way.theme, way.language))
				if err := os.WriteFile(path, png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			way.openAt(page, t, fresh)
			take("firstrun")
			way.openAt(page, t, at)
			take("signin")
			walkOffice(page, t, take)
		})
	}
}

// openAt opens the entrance of a site, in the language and the theme.
func (w screen) openAt(page context.Context, t *testing.T, at string) {
	t.Helper()
	do(page, t, chromedp.EmulateViewport(w.width, w.height), chromedp.Navigate("about:blank"),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: w.theme}}),
		chromedp.Navigate(at+"/#/users"))
	await(page, t, atTheEntrance)
	do(page, t, chromedp.Evaluate(`document.querySelector('.tools button[lang=`+w.language+`]')?.click()`, nil))
	await(page, t, `document.documentElement.lang === '`+w.language+`'`)
}

// walkOffice signs in as the admin, goes through all pages and signs out.
func walkOffice(page context.Context, t *testing.T, take func(name string)) {
	click := func(selector string) {
		t.Helper()
		await(page, t, fmt.Sprintf(`!!document.querySelector(%q)`, selector))
		do(page, t, chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).click()`, selector), nil))
	}
	closeDialog := func() {
		t.Helper()
		click(`dialog .dialog-head button`)
		await(page, t, `!document.querySelector('dialog')`)
	}
	do(page, t, chromedp.SendKeys(`input[autocomplete=username]`, "kim.minseo"), chromedp.SendKeys(`input[type=password]`, secret+"\n"))
	await(page, t, userRow("viewer")+` && !!document.querySelector('[data-confirmation]')`)
	take("users")
	click(`tr[data-user="operator"]`)
	await(page, t, `document.querySelectorAll('dialog [data-session]').length > 0`)
	take("user")
	closeDialog()
	click(`.office-tools .primary`)
	click(`dialog input[value=operator]`)
	take("adduser")
	closeDialog()
	do(page, t, chromedp.Evaluate(`location.hash = '#/account'`, nil))
	await(page, t, `document.querySelectorAll('#sessions [data-session]').length > 0 && document.querySelectorAll('[data-token]').length > 0`)
	take("account")
	click(`#authenticator button`)
	do(page, t, chromedp.SendKeys(`#authenticator input`, secret+"\n", chromedp.ByQuery))
	await(page, t, `!!document.querySelector('#authenticator .qr')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('#authenticator').scrollIntoView()`, nil))
	take("app")
	do(page, t, chromedp.Evaluate(`location.hash = '#/audit'`, nil))
	await(page, t, `document.querySelectorAll('tr[data-seq]').length > 10`)
	click(`.office-tools .primary`)
	await(page, t, `!!document.querySelector('[data-verified]')`)
	take("audit")
	click(`tr[data-action="user.change"]`)
	take("entry")
	closeDialog()
	do(page, t, chromedp.Evaluate(`document.querySelector('.menu button.item').click()`, nil))
	await(page, t, atTheEntrance)
}

// peopled is a site with people of every kind, one of whom waits for a second admin.
func peopled(t *testing.T) *accountSite {
	t.Helper()
	s := campNorth(t)
	s.cameras[0].Groups, s.cameras[1].Groups, s.cameras[2].Groups = []string{"north", "perimeter"}, []string{"north"}, []string{"logistics"}
	a := s.withAccounts(t)
	yard := auth.Grant{Role: auth.Operator, Groups: []string{"north", "logistics"}, Rights: []auth.Right{auth.Live, auth.Playback}}
	for _, u := range []auth.NewUser{
		{Name: "kim.minseo", Display: "Kim Min-seo", Grant: auth.Grant{Role: auth.Admin}},
		{Name: "park.jihun", Display: "박지훈", Language: "ko", Grant: auth.Grant{Role: auth.Operator, All: true}},
		{Name: "hernandez", Display: "Maria Hernandez", Grant: yard},
		{Name: "o.brien", Display: "Tom O'Brien", Grant: auth.Grant{Role: auth.Viewer, Cameras: []string{"gate", "dock"}}},
		{Name: "choi.yuna", Display: "최유나", Language: "ko", Grant: auth.Grant{Role: auth.Auditor}},
	} {
		a.add(t, u)
	}
	yard.Rights = append(yard.Rights, auth.Export)
	if _, err := a.accounts.ChangeUser(box(), a.ids["hernandez"], auth.NewUser{Display: "Maria Hernandez", Grant: yard}); err != nil {
		t.Fatal(err)
	}
	a.token(t, "kim.minseo", map[string]any{"rights": []string{"live"}})
	p := *a.policy.Load()
	p.TwoPersons = true
	a.policy.Store(&p)
	if status, _, body := a.ask(t, a.signIn(t, "admin"), "POST", "/api/v1/users", said(map[string]any{"name": "jung.hyun", "role": "admin"})); status != 202 {
		t.Fatal(status, body)
	}
	return a
}

// firstRun is a site without an admin.
func firstRun(t *testing.T) string {
	t.Helper()
	s := newFakeSite()
	a := &accountSite{fakeSite: s, ids: map[string]string{}, visitors: map[string]*visitor{}}
	a.policy.Store(&auth.Policy{SiteName: "Camp North"})
	a.open(t, t.TempDir())
	s.with = a.wire
	return s.serve(t)
}
