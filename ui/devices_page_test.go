package ui_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// strange is a site with strangers on its camera network, and with what was
// found about it.
func strange(t *testing.T) *accountSite {
	t.Helper()
	s := smallSite()
	s.enrol.strangers()
	_, _ = s.asked.Inspect(t.Context(), "dev-gate")
	now := time.Now().UTC()
	s.setContainment(func(c *ui.ContainmentView) {
		c.State, c.Since = "not-enforced", now.Add(-time.Hour)
		c.Reasons = []string{"another gateway: dev-gate looks for 10.20.0.254, and 02:00:00:00:0f:fe, which is not pinned, answers to it behind the same port enp2s0"}
		c.Findings = []ui.FindingView{
			{Kind: "other-dhcp", Level: "warning", Current: true, Device: "dev-gate", MAC: "02:00:00:00:0f:fd", Address: "10.20.0.253", Port: "enp2s0", First: now.Add(-time.Hour), Last: now, Text: "c", Fix: "d"},
			{Kind: "other-gateway", Level: "not-enforced", Current: true, Device: "dev-gate", MAC: "02:00:00:00:0f:fe", Address: "10.20.0.254", Port: "enp2s0", First: now.Add(-time.Hour), Last: now, Text: c.Reasons[0], Fix: "y"},
			{Kind: "asks-gateway", Level: "warning", Current: true, Device: "dev-gate", Address: "192.168.1.1", Port: "enp2s0", First: now.Add(-3 * time.Hour), Last: now, Text: "a", Fix: "b"},
			{Kind: "second-way", Level: "not-enforced", Device: "dev-gate", MAC: "02:00:00:00:00:11", Port: "eth0", First: now.Add(-48 * time.Hour), Last: now.Add(-30 * time.Hour), Text: "z", Fix: "w"},
		}
	})
	return s.withAccounts(t)
}

const stranger = `document.querySelector('tr[data-mac="%s"]')`

func TestDevicesArePinnedOnThePage(t *testing.T) {
	a := strange(t)
	page := browse(t)
	strictly(page, t)
	do(page, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base+"/#/devices"))
	enter(page, t, "admin", secret)
	rows := func(pinned, strangers int) string {
		return fmt.Sprintf(`document.querySelectorAll('tr[data-device]').length === %d && document.querySelectorAll('tr[data-mac]').length === %d`, pinned, strangers)
	}
	await(page, t, rows(2, 4))
	// What devices say of themselves is text, and what contradicts itself is said.
	await(page, t, fmt.Sprintf(`document.title !== 'owned' && `+stranger+`.textContent.includes('<img src=x')`, "02:00:00:00:00:99"))
	says(page, t, "10.20.1.11 is pinned to dev-gate (02:00:00:00:00:11): a second device with it, or a forgery.")
	says(page, t, "Example Optics Co., Ltd.")
	await(page, t, fmt.Sprintf(`!`+stranger+`.querySelector('input')`, "02:00:00:00:00:11")) // a pinned MAC is not pinned twice

	// All that need no decision, and one that does.
	do(page, t, chromedp.Evaluate(`document.querySelector('.choose-all input').click()`, nil))
	await(page, t, `document.querySelectorAll('tr[data-mac] input:checked').length === 2`)
	do(page, t, chromedp.Evaluate(fmt.Sprintf(stranger+`.querySelector('input').click()`, "02:00:00:00:00:99"), nil))
	press(page, t, "Pin 3 devices…")
	await(page, t, `document.querySelectorAll('dialog .pin-device').length === 3 && document.querySelector('dialog button[type=submit]').disabled`)
	press(page, t, "10.20.1.11") // is taken: the recorder says so, and nothing is pinned
	write(page, t, "Id", "dev-roof")
	submit(page, t)
	says(page, t, "already")
	await(page, t, rows(2, 4))
	press(page, t, "10.20.1.99")
	submit(page, t)
	says(page, t, "3 devices are pinned.")
	await(page, t, rows(5, 1)+` && !!document.querySelector('tr[data-device=dev-roof]')`)

	// One that a camera uses stays; another goes once that is meant.
	await(page, t, `document.querySelector('tr[data-device=dev-gate] .d-actions button').disabled`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr[data-device=dev-spare] .d-actions button').click()`, nil))
	await(page, t, `!!document.querySelector('tr[data-device=dev-spare] .sure')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr[data-device=dev-spare] .sure .primary').click()`, nil))
	says(page, t, "dev-spare is not pinned any more.")
	await(page, t, rows(4, 1))

	// An auditor reads all of it and changes nothing.
	leave(page, t)
	enter(page, t, "auditor", secret)
	do(page, t, chromedp.Evaluate(`location.hash = '#/devices'`, nil))
	await(page, t, rows(4, 1)+` && !document.querySelector('.office input[type=checkbox], .d-actions button')`)
}

func TestWhereContainmentEndsStandsOnThePage(t *testing.T) {
	s := strange(t)
	page := browse(t)
	strictly(page, t)
	do(page, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.base))
	enter(page, t, "admin", secret)
	await(page, t, `document.querySelectorAll('.network-findings > ul li').length === 3 && document.querySelectorAll('.network-findings details li').length === 1`)
	await(page, t, `document.querySelector('[data-finding=other-gateway]').className === 'bad' && document.querySelector('[data-badge]').dataset.badge === 'not-enforced'`)
	// Its language is the page's, in the banner as well.
	await(page, t, `document.querySelector('.banner.bad').textContent.includes('Another gateway: dev-gate')`)
	says(page, t, "Another DHCP server: 10.20.0.253 (02:00:00:00:0f:fd) hands out addresses at port enp2s0.")
	says(page, t, "Another gateway: dev-gate looks for 10.20.0.254, and 02:00:00:00:0f:fe, which is not pinned, answers behind the same port enp2s0.")
}

// TestDevicesScreens takes pictures of the page of devices when STOCKADE_SCREENS
// names a folder; else one look proves that it can.
func TestDevicesScreens(t *testing.T) {
	dir, ways := os.Getenv("STOCKADE_SCREENS"), []screen{{"ko", "dark", 390, 844}}
	if dir == "" {
		dir = t.TempDir()
	} else {
		ways = []screen{{"en", "light", 1440, 900}, {"ko", "dark", 1440, 900}, {"en", "dark", 390, 844}, {"ko", "light", 390, 844}}
	}
	a := strange(t)
	page := browse(t)
	for _, way := range ways {
		take := func(name string) {
			t.Helper()
			var png []byte
			do(page, t, chromedp.Sleep(350*time.Millisecond), chromedp.CaptureScreenshot(&png)) // drawers have come by then
			path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%s.png", name, way.width, way.theme, way.language))
			if err := os.WriteFile(path, png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		way.openAt(page, t, a.base)
		do(page, t, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: way.theme}}),
			chromedp.SendKeys(`input[autocomplete=username]`, "admin"), chromedp.SendKeys(`input[type=password]`, secret+"\n"))
		await(page, t, `!!document.querySelector('.who-button')`)
		do(page, t, chromedp.Evaluate(`location.hash = '#/devices'`, nil))
		await(page, t, `document.querySelectorAll('tr[data-mac]').length === 4`)
		do(page, t, chromedp.Evaluate(`document.querySelector('#office').scrollIntoView()`, nil))
		take("devices")
		do(page, t, chromedp.Evaluate(`document.querySelector('#h-pinned').scrollIntoView()`, nil))
		take("devices-pinned")
		do(page, t, chromedp.Evaluate(`document.querySelector('tr[data-device=dev-gate] .asked').click()`, nil))
		await(page, t, `document.querySelectorAll('.inspect-findings li').length === 5`)
		take("devices-inspect")
		do(page, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click()`, nil))
		await(page, t, `!document.querySelector('dialog')`)
		do(page, t, chromedp.Evaluate(`document.querySelectorAll('tr[data-mac] input').forEach(e => e.click())`, nil),
			chromedp.Evaluate(`document.querySelector('.strangers .primary').click()`, nil))
		await(page, t, `document.querySelectorAll('dialog .pin-device').length === 3`)
		take("devices-pin")
		do(page, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click(); location.hash = '#containment'`, nil))
		await(page, t, `!!document.querySelector('.network-findings')`)
		do(page, t, chromedp.Evaluate(`document.querySelector('#containment').scrollIntoView()`, nil))
		take("findings")
		do(page, t, chromedp.Evaluate(`document.querySelector('.menu > button.item').click()`, nil))
	}
}

// TestWhatADeviceSaysStandsOnThePage: its words are text, each finding has what to
// do, an admin asks anew, and who may only read is given no such button.
func TestWhatADeviceSaysStandsOnThePage(t *testing.T) {
	s := smallSite()
	a := s.withAccounts(t)
	page := browse(t)
	strictly(page, t)
	do(page, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(a.base+"/#/devices"))
	enter(page, t, "admin", secret)
	await(page, t, `document.querySelector('tr[data-device=dev-gate] .asked')?.textContent.includes('not asked yet')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr[data-device=dev-gate] .asked').click()`, nil))
	says(page, t, "It was not asked yet.")
	press(page, t, "Ask now")
	await(page, t, `document.querySelectorAll('.inspect-findings li').length === 5`)
	await(page, t, `document.querySelector('[data-code=radio]').className === 'bad' && document.querySelectorAll('.inspect-facts dt.differs').length === 1`)
	says(page, t, "It has a radio that is on: wlan0, in the network “yard-guest”.")
	says(page, t, "something that this page has no words for")
	await(page, t, `document.querySelector('[data-code=foreign]').textContent.includes('<img src=x') && !document.querySelector('.inspection img') && document.title !== 'owned'`)
	do(page, t, chromedp.Evaluate(`document.querySelector('dialog .dialog-head button').click()`, nil))
	await(page, t, `!document.querySelector('dialog') && document.querySelector('tr[data-device=dev-gate] .asked.bad')?.textContent.includes('5 findings')`)

	leave(page, t)
	enter(page, t, "auditor", secret)
	do(page, t, chromedp.Evaluate(`location.hash = '#/devices'`, nil))
	await(page, t, `!!document.querySelector('tr[data-device=dev-gate] .asked.bad')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr[data-device=dev-gate] .asked').click()`, nil))
	await(page, t, `document.querySelectorAll('.inspect-findings li').length === 5 && ![...document.querySelectorAll('dialog button')].some(b => b.textContent.includes('Ask now'))`)
}
