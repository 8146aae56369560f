package ui_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/audit"
	"github.com/stockade-nvr/stockade/ui/auth"
)

func userRow(name string) string {
	return fmt.Sprintf(`!!document.querySelector('tr[data-user="%s"]')`, name)
}

func TestUsersAreLookedAfterOnThePage(t *testing.T) {
	a := campNorth(t).withAccounts(t)
	admin, guest := browse(t), browse(t)
	strictly(admin, t)
	strictly(guest, t)
	do(admin, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base+"/#/users"))
	enter(admin, t, "admin", secret)
	await(admin, t, userRow("viewer"))

	var code string
	t.Run("a user is added and told a code, once", func(t *testing.T) {
		press(admin, t, "Add user")
		write(admin, t, "Name to sign in with", "lee")
		write(admin, t, "Display name", hostile)
		do(admin, t, chromedp.Evaluate(`document.querySelector('dialog input[value=operator]').click()`, nil))
		named(admin, t)
		await(admin, t, `document.querySelectorAll('dialog .picker-list .check-line').length >= 4`)
		do(admin, t, chromedp.Evaluate(`[...document.querySelectorAll('.picker-list .check-line')].find(e => e.textContent.includes('North gate')).querySelector('input').click()`, nil))
		submit(admin, t)
		code = secretOn(admin, t)
		press(admin, t, "Done")
		await(admin, t, userRow("lee")+` && !document.querySelector('[data-secret]')`)
		await(admin, t, `document.title !== 'owned' && document.querySelector('tr[data-user=lee]').textContent.includes('<img src=x')`)
	})
	t.Run("the code lets in once, to choose a password", func(t *testing.T) {
		do(guest, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base))
		enter(guest, t, "lee", code)
		says(guest, t, "Choose your password")
		write(guest, t, "New password", "password1234")
		press(guest, t, "Save password")
		says(guest, t, "one of those that are tried first")
		write(guest, t, "New password", secret)
		press(guest, t, "Save password")
		await(guest, t, inTheHouse)
	})
	t.Run("an operator sees what is shared and nothing else", func(t *testing.T) {
		await(guest, t, tile("gate", "live"))
		await(guest, t, `document.querySelectorAll('.tile').length === 1 && document.querySelectorAll('.strip').length === 1`)
		await(guest, t, `!document.querySelector('#attempts') && !document.querySelector('#containment') && !!document.querySelector('[data-badge]')`)
		await(guest, t, `!document.querySelector('.bar nav').textContent.includes('Users')`)
		do(guest, t, chromedp.Evaluate(`location.hash = '#/audit'`, nil))
		says(guest, t, "This page is for admins and auditors")
		do(guest, t, chromedp.Navigate(a.base+"/#camera=gate"))
		await(guest, t, `document.querySelector('.stage')?.dataset.state === 'live'`)
	})
	t.Run("a session that is ended ends on an open page", func(t *testing.T) {
		do(admin, t, chromedp.Evaluate(`document.querySelector('tr[data-user=lee]').click()`, nil))
		await(admin, t, `document.querySelectorAll('dialog [data-session]').length === 1`)
		press(admin, t, "End all")
		press(admin, t, "End all") // and says so
		says(guest, t, "Your session has ended")
		await(guest, t, `!document.querySelector('.tile, .stage, .who-button')`)
		enter(guest, t, "lee", secret)
		await(guest, t, `location.hash === '#camera=gate' && document.querySelector('.stage')?.dataset.state === 'live'`)
	})
	t.Run("footage leaves with a reason", func(t *testing.T) {
		do(guest, t, chromedp.Evaluate(`document.querySelector('[aria-label="10 seconds back"]').click()`, nil))
		await(guest, t, `document.querySelector('.stage.playback')?.dataset.state === 'playing'`)
		do(guest, t, chromedp.Evaluate(`document.querySelector('[aria-label="Download"]').click()`, nil))
		write(guest, t, "What is it for?", "Case 12")
		submit(guest, t)
		eventually(t, "the export is not in the audit", func() bool {
			page, err := a.audit.Query(t.Context(), audit.Filter{Action: ui.ActionExport})
			return err == nil && len(page.Entries) > 0 && page.Entries[0].Actor == "lee" && strings.Contains(page.Entries[0].Detail, "Case 12")
		})
		do(guest, t, chromedp.Evaluate(`document.querySelector('.live-button').click()`, nil))
	})
	t.Run("a right that is taken away is gone from an open page", func(t *testing.T) {
		await(guest, t, `!!document.querySelector('#recordings')`)
		id := ""
		do(admin, t, chromedp.Evaluate(`location.hash.split('/')[2]`, &id))
		if _, err := a.accounts.ChangeUser(box(), id, auth.NewUser{Grant: auth.Grant{Role: auth.Operator, Rights: []auth.Right{auth.Live}, Cameras: []string{"gate"}}}); err != nil {
			t.Fatal(err)
		}
		await(guest, t, `!document.querySelector('#recordings') && !document.querySelector('.moment') && document.querySelector('.stage')?.dataset.state === 'live'`)
	})
	t.Run("the audit has all of it, and is whole", func(t *testing.T) {
		press(admin, t, "In the audit log") // of lee
		await(admin, t, `location.hash.includes('actor=lee') && document.querySelectorAll('tr[data-action="view.opened"]').length > 0`)
		do(admin, t, chromedp.Evaluate(`location.hash = '#/audit?range=all'`, nil))
		await(admin, t, `!!document.querySelector('tr[data-action="user.sign-out"]') && !!document.querySelector('tr[data-action="user.change"]')`)
		do(admin, t, chromedp.Evaluate(`document.querySelector('tr[data-action="user.change"]').click()`, nil))
		await(admin, t, `[...document.querySelectorAll('.diff tr')].some(r => /^rights/.test(r.textContent) && r.querySelector('.was').textContent.includes('playback') && r.querySelector('.is').textContent === 'live')`)
		do(admin, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click()`, nil))
		named(admin, t)
		press(admin, t, "Verify")
		await(admin, t, `document.querySelector('[data-verified]')?.dataset.verified === 'true'`)
	})
}

func TestSecondAdminConfirmsOnThePage(t *testing.T) {
	a := newFakeSite().withAccounts(t)
	a.add(t, auth.NewUser{Name: "second", Grant: auth.Grant{Role: auth.Admin}})
	p := *a.policy.Load()
	p.TwoPersons = true
	a.policy.Store(&p)
	first, second := browse(t), browse(t)
	for name, page := range map[string]context.Context{"admin": first, "second": second} {
		do(page, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base+"/#/users"))
		enter(page, t, name, secret)
		await(page, t, userRow("viewer"))
	}
	press(first, t, "Add user")
	write(first, t, "Name to sign in with", "third")
	do(first, t, chromedp.Evaluate(`document.querySelector('dialog input[value=admin]').click()`, nil),
		chromedp.Evaluate(`document.querySelector('dialog button[type=submit]').click()`, nil))
	says(first, t, "This needs a second admin")
	press(first, t, "Done")
	says(first, t, "Another admin must confirm what you asked for.")
	await(first, t, `![...document.querySelectorAll('[data-confirmation] button')].some(b => b.textContent.includes('Confirm'))`)

	await(second, t, `document.querySelector('[data-confirmation]')?.textContent.includes('third')`)
	press(second, t, "Confirm")
	press(second, t, "Confirm")
	if code := secretOn(second, t); len(code) < 16 {
		t.Error("code", code)
	}
	press(second, t, "Done")
	await(second, t, userRow("third")+` && !document.querySelector('[data-confirmation]')`)
}
