package ui_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/auth"
)

// gateStrip is the timeline of the camera gate.
const gateStrip = `document.querySelector('.strip[data-camera=gate] nvr-timeline')`

// dragOver marks a stretch of gate's timeline with the pointer, from a part of
// its width to another.
func dragOver(page context.Context, t *testing.T, from, to float64) {
	t.Helper()
	var x, y, w float64
	await(page, t, `!!`+gateStrip)
	do(page, t, chromedp.Evaluate(gateStrip+`.scrollIntoView({block: 'center'})`, nil)) // footage is read of what is seen
	await(page, t, `document.querySelector('.strip[data-camera=gate]').dataset.read === 'true'`)
	do(page, t, chromedp.Evaluate(gateStrip+`.getBoundingClientRect().x`, &x),
		chromedp.Evaluate(gateStrip+`.getBoundingClientRect().y + 9`, &y),
		chromedp.Evaluate(gateStrip+`.getBoundingClientRect().width`, &w))
	at := func(kind input.MouseType, part float64) *input.DispatchMouseEventParams {
		return input.DispatchMouseEvent(kind, x+w*part, y).WithButton(input.Left).WithButtons(1).WithClickCount(1)
	}
	do(page, t, at(input.MousePressed, from), at(input.MouseMoved, (from+to)/2), at(input.MouseMoved, to), at(input.MouseReleased, to))
	await(page, t, `!!document.querySelector('.strip[data-camera=gate] .marked')`)
}

// guarded is a site of two admins on which some footage is held.
func guarded(t *testing.T) *accountSite {
	t.Helper()
	a := campNorth(t).withAccounts(t)
	a.cameras[0].Groups = []string{"north"}
	a.add(t, auth.NewUser{Name: "second", Grant: auth.Grant{Role: auth.Admin}})
	p := *a.policy.Load()
	p.TwoPersons, p.ConfirmWithin = true, 15*time.Minute
	a.policy.Store(&p)
	now := time.Now().UTC().Truncate(time.Minute)
	later := now.Add(30 * 24 * time.Hour)
	a.held.list = []ui.HoldView{
		{ID: "00000000000000a1", Camera: "gate", From: now.Add(-8 * time.Minute), To: now.Add(-6 * time.Minute), By: "operator", Why: "Delivery van at the gate, case 2026-114", Created: now.Add(-5 * time.Minute), Expires: &later},
		{ID: "00000000000000a2", Camera: "dock", From: now.Add(-55 * time.Minute), To: now.Add(2 * time.Hour), By: "second", Why: hostile, Created: now.Add(-time.Minute)},
	}
	return a
}

func TestFootageIsHeldAndDeletedOnThePage(t *testing.T) {
	a := guarded(t)
	admin := browse(t)
	strictly(admin, t)
	do(admin, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base))
	enter(admin, t, "admin", secret)
	await(admin, t, `document.querySelector('#holds-button')?.textContent.includes('2')`)

	t.Run("what is held is on the timeline, and said", func(t *testing.T) {
		await(admin, t, `!!document.querySelector('.legend .swatch.held')`)
		at := time.Until(time.Now().Truncate(time.Minute).Add(-7 * time.Minute)).Milliseconds()
		await(admin, t, fmt.Sprintf(`(() => { const e = %s; const s = e.strip; return !!s && s.held.length === 1 && s.held[0].from <= s.now + %d && s.held[0].to > s.now + %d; })()`, gateStrip, at, at))
		await(admin, t, purple)
	})
	t.Run("a stretch is marked and held", func(t *testing.T) {
		dragOver(admin, t, 0.3, 0.5)
		await(admin, t, `!location.hash.includes('at=')`) // a drag is no click
		press(admin, t, "Hold this range")
		await(admin, t, `document.querySelector('dialog select')?.value === 'gate'`)
		write(admin, t, "What is it held for?", "Case 12")
		submit(admin, t)
		await(admin, t, `document.querySelector('#holds-button').textContent.includes('3') && !document.querySelector('dialog') && !document.querySelector('.marked')`)
		list, _ := a.held.Holds()
		if h := list[len(list)-1]; h.Camera != "gate" || h.Why != "Case 12" || h.By != "admin" || h.To.Sub(h.From) < time.Minute || h.Expires != nil {
			t.Errorf("%+v", h)
		}
	})
	t.Run("the keyboard marks too", func(t *testing.T) {
		do(admin, t, chromedp.Evaluate(`{const e = `+gateStrip+`; e.focus(); for (const code of ['Home', 'PageUp', 'KeyI', 'PageUp', 'KeyO']) e.dispatchEvent(new KeyboardEvent('keydown', {code, bubbles: true}))}`, nil))
		await(admin, t, `!!document.querySelector('.strip[data-camera=gate] .marked')`)
		do(admin, t, chromedp.Evaluate(gateStrip+`.dispatchEvent(new KeyboardEvent('keydown', {code: 'Escape', bubbles: true}))`, nil))
		await(admin, t, `!document.querySelector('.marked')`)
	})
	t.Run("a hold that is to go waits for another admin", func(t *testing.T) {
		do(admin, t, chromedp.Click(`#holds-button`, chromedp.ByQuery))
		await(admin, t, `document.querySelectorAll('dialog [data-hold]').length === 3`)
		await(admin, t, `document.querySelector('[data-hold="00000000000000a2"]').textContent.includes('<img src=x') && document.title !== 'owned'`)
		do(admin, t, chromedp.Evaluate(`document.querySelector('[data-hold="00000000000000a1"] .danger').click()`, nil))
		write(admin, t, "Why is it removed?", "Case closed")
		submit(admin, t)
		await(admin, t, `document.querySelector('[data-hold="00000000000000a1"] .waits-badge')?.textContent.includes('Waits for another admin')`)
		named(admin, t)
		do(admin, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click()`, nil))
		if list, _ := a.held.Holds(); len(list) != 3 {
			t.Error("one person ends a hold:", list)
		}
	})
	t.Run("deleting shows what goes before it asks", func(t *testing.T) {
		dragOver(admin, t, 0.1, 0.98)
		do(admin, t, chromedp.Evaluate(`document.querySelector('.marked .overflow summary').click()`, nil))
		press(admin, t, "Delete this range…")
		await(admin, t, `document.querySelector('dialog .plan')?.textContent.includes('3 segments, 3.0 GiB') && document.querySelector('dialog .plan').textContent.includes('Stays: held')`)
		await(admin, t, `document.querySelector('dialog button[type=submit]').disabled`) // without a reason
		write(admin, t, "Why is it deleted?", "Works council")
		submit(admin, t)
		says(admin, t, "This needs a second admin")
		if len(a.held.done()) != 0 {
			t.Error("one person deletes:", a.held.done())
		}
	})
	t.Run("the other admin confirms both", func(t *testing.T) {
		var list struct{ Confirmations []auth.Confirmation }
		a.expect(t, 200, "second", "GET", "confirmations", nil, &list)
		for _, c := range list.Confirmations {
			a.expect(t, 200, "second", "POST", "confirmations/"+c.ID, struct{}{}, nil)
		}
		if got := strings.Join(a.held.done(), "; "); got != "gate by admin and second: Works council" {
			t.Error(got)
		}
		do(admin, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click()`, nil), chromedp.Click(`#holds-button`, chromedp.ByQuery))
		await(admin, t, `document.querySelectorAll('dialog [data-hold]').length === 2`)
	})
	operator := browse(t)
	t.Run("an operator holds, and neither ends holds nor deletes", func(t *testing.T) {
		do(operator, t, chromedp.EmulateViewport(390, 844), chromedp.Navigate(a.base))
		enter(operator, t, "operator", secret)
		dragOver(operator, t, 0.3, 0.6)
		await(operator, t, `!document.querySelector('.marked .overflow')`)
		do(operator, t, chromedp.Click(`#holds-button`, chromedp.ByQuery))
		await(operator, t, `document.querySelectorAll('dialog [data-hold]').length === 1 && !document.querySelector('dialog [data-hold] .danger')`)
	})
}

// purple finds the colour of what is held on the canvas of gate's timeline.
const purple = `(() => { const c = ` + gateStrip + `.querySelector('canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
	let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i] > 90 && d[i+1] < 125 && d[i+2] > 150 && d[i+2] > d[i] + 30 && d[i] > d[i+1] + 30) n++; return n > 20; })()`

// TestHoldScreens takes pictures of holds and deletion, as TestPeopleScreens does.
func TestHoldScreens(t *testing.T) {
	dir, ways := os.Getenv("STOCKADE_SCREENS"), []screen{{"ko", "dark", 390, 844}}
	if dir == "" {
		dir = t.TempDir()
	} else {
		ways = []screen{{"en", "light", 1440, 900}, {"en", "dark", 390, 844}, {"ko", "dark", 1440, 900}, {"ko", "light", 390, 844}}
	}
	a := guarded(t)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base))
	enter(page, t, "admin", secret)
	await(page, t, inTheHouse)
	for _, way := range ways {
		t.Run(fmt.Sprintf("%s-%d-%s", way.language, way.width, way.theme), func(t *testing.T) {
			shoot := func(name string) {
				t.Helper()
				var png []byte
				do(page, t, chromedp.Sleep(350*time.Millisecond), chromedp.CaptureScreenshot(&png))
				path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%s.png", name, way.width, way.theme, way.language))
				if err := os.WriteFile(path, png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			closeDialog := func() {
				t.Helper()
				do(page, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click()`, nil))
				await(page, t, `!document.querySelector('dialog')`)
			}
			do(page, t, chromedp.EmulateViewport(way.width, way.height),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: way.theme}}),
				chromedp.Evaluate(`document.querySelector('.menu-choice button[lang=`+way.language+`]').click()`, nil))
			await(page, t, `document.documentElement.lang === '`+way.language+`'`)
			dragOver(page, t, 0.25, 0.6)
			shoot("marked")
			do(page, t, chromedp.Evaluate(`document.querySelector('.marked .overflow summary').click()`, nil))
			shoot("overflow")
			do(page, t, chromedp.Evaluate(`document.querySelector('.marked .overflow .item').click()`, nil))
			await(page, t, `!!document.querySelector('dialog .plan')`)
			shoot("delete")
			closeDialog()
			do(page, t, chromedp.Evaluate(`document.querySelector('.marked .primary').click()`, nil))
			await(page, t, `!!document.querySelector('dialog select')`)
			do(page, t, chromedp.Evaluate(`document.querySelectorAll('dialog .segmented button')[1].click()`, nil))
			shoot("hold")
			closeDialog()
			do(page, t, chromedp.Click(`#holds-button`, chromedp.ByQuery))
			await(page, t, `document.querySelectorAll('dialog [data-hold]').length === 2`)
			do(page, t, chromedp.Evaluate(`document.querySelector('[data-hold="00000000000000a1"] .danger')?.click()`, nil))
			shoot("holds")
			closeDialog()
		})
	}
}
