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
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// markup is what an attacker may write into a name.
const markup = `<img src=x onerror=document.title='owned'>`

// forSomebody is a site with attempts of which all, little or much is known whom they were for.
func forSomebody(t *testing.T) *accountSite {
	t.Helper()
	s := campNorth(t)
	named := phone(60, "North gate", "relay.cam-cloud.example", "198.18.0.31", "TCP", 443, "egress", "L3", "raw-egress")
	named.Cloud = &ui.CloudView{
		Service: "Example cloud (P2P)", Owner: "Example Ltd", By: "name", Match: "cam-cloud.example",
		Source: "https://docs.example/" + strings.Repeat("ports/", 20), Seen: "2026-11-20",
	}
	owned := phone(61, "Loading dock", "", "2001:db8:1234:5678::8888", "UDP", 32100, "egress", "L3", "raw6-egress")
	owned.New, owned.Country, owned.Network = true, "KR", "AS64500 Example Backbone and Hosting of the Far North"
	owned.Cloud = &ui.CloudView{Service: "PPPP P2P cloud (CS2 and others)", By: "port", Match: "udp/32100", Source: "https://docs.example/p2p", Seen: "2026-11-20"}
	says := phone(62, "Motor pool yard", "", "203.0.113.80", "TCP", 80, "egress", "L3", "raw-egress")
	says.Country, says.Network, says.SaidMore = "NL", "AS64501 <b>Bold</b> Networks", true
	says.Said = []ui.SaidView{
		{By: "tls", Name: markup + strings.Repeat("a", 200)},
		{By: "http", Detail: "GET /" + markup + " HTTP/1.1"},
		{By: "dns", Name: "hidden.example", Detail: "AAAA"},
		{By: "quic", Name: hostile},
	}
	quotes := phone(63, "Motor pool yard", "", "203.0.113.81", "TCP", 443, "egress", "L3", "raw-egress")
	quotes.Said = []ui.SaidView{{By: "tls", Name: hostile}}
	for _, a := range []ui.AttemptView{named, owned, says, quotes} {
		s.block(a)
	}
	return s.withAccounts(t)
}

// Whom an attempt was for, as far as anybody knows, in the list and explained: seen,
// not only there; clicked to filter by it; as text, whoever wrote it; and no way out.
func TestAttemptsShowWhomTheyWereFor(t *testing.T) {
	site := forSomebody(t)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate(site.byName()))
	enter(page, t, "admin", secret)
	has := func(in string, texts ...string) string {
		return fmt.Sprintf(`%q.split('|').every((s) => document.querySelector(%q)?.textContent.includes(s))`, strings.Join(texts, "|"), in)
	}
	cell := func(n int, inner string) string {
		return fmt.Sprintf("tr.attempt[data-id=a%04d] .c-destination %s", n, inner)
	}
	click := func(at string) {
		t.Helper()
		await(page, t, fmt.Sprintf(`!!document.querySelector(%q)`, at))
		do(page, t, chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).click()`, at), nil))
	}

	await(page, t, `document.querySelector('`+cell(60, ".cloud")+`')?.textContent === 'Example cloud (P2P)' && !document.querySelector('`+cell(60, ".weak")+`')`)
	await(page, t, has(cell(61, ""), "KR", "AS64500 Example Backbone")+` && `+has(cell(61, ".cloud.weak"), "PPPP P2P cloud", "by its port"))
	await(page, t, has(cell(62, ".host"), markup)+` && `+has(cell(62, ""), "AS64501 <b>Bold</b> Networks", "NL"))
	for _, of := range []string{cell(61, ".new"), cell(61, ".beside"), cell(61, ".weak span"), cell(61, "> .net"), cell(62, ".under .net")} {
		// Wide enough to be read, and within what it stands in: a fraction of a pixel more, and the browser cuts all of it.
		await(page, t, fmt.Sprintf(`((e) => e.offsetWidth > 20 && e.getBoundingClientRect().right <= e.parentElement.getBoundingClientRect().right + 0.001)(document.querySelector(%q))`, of))
	}
	await(page, t, `document.querySelector('tr.attempt[data-id=a0062]').offsetHeight < 80`)                    // however long a name is
	await(page, t, has(cell(63, ".host"), hostile)+` && !document.querySelector('`+cell(63, ".by .host")+`')`) // the filter has no word for a quote

	for at, word := range map[string]string{
		cell(61, ".net .by"): "network:", cell(62, ".net .by"): "network:", cell(61, ".beside .by"): "country:KR", cell(62, ".by:has(.host)"): "said:",
	} {
		click(at)
		await(page, t, `document.querySelectorAll('tr.attempt').length === 1 && `+has(".filter-chip", word))
		click(".filter-chip")
		await(page, t, `document.querySelectorAll('tr.attempt').length > 3`)
	}

	click("tr.attempt[data-id=a0060] .expand")
	await(page, t, has(".explain dl", "Example cloud (P2P) · Example Ltd", "Told by its name: cam-cloud.example", "https://docs.example/ports/", "2026-11-20"))
	takeWhom(page, t, "named")
	click("tr.attempt[data-id=a0060] .expand")
	click("tr.attempt[data-id=a0061] .expand")
	await(page, t, has(".explain dl", "South Korea (KR)", "AS64500 Example Backbone and Hosting of the Far North", "at the first hit", "a weak sign"))
	click("tr.attempt[data-id=a0061] .expand")
	click("tr.attempt[data-id=a0062] .expand")
	await(page, t, has(".explain dl", markup, "TLS server name", "HTTP host none", "GET /"+markup, "DNS question hidden.example", "AAAA", "QUIC server name "+hostile, "more than is kept"))
	takeWhom(page, t, "says")
	await(page, t, `!document.querySelector('main :is(img, .net b, .explain dd b, .explain a)') && document.title !== 'owned'`)
}

// takeWhom takes pictures of the open attempt and of those around it when STOCKADE_SCREENS names a folder.
func takeWhom(page context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("STOCKADE_SCREENS")
	if dir == "" {
		return
	}
	for _, way := range []screen{{"ko", "light", 390, 844}, {"ko", "dark", 390, 844}, {"en", "light", 1440, 900}, {"en", "dark", 1440, 900}} {
		var png []byte
		do(page, t, chromedp.EmulateViewport(way.width, way.height), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: way.theme}}),
			chromedp.Evaluate(`document.querySelector('button[lang=`+way.language+`]')?.click()`, nil),
			chromedp.Evaluate(`document.querySelector('#attempts').scrollIntoView(); document.querySelector('tr.open').scrollIntoView({block: 'center'})`, nil), chromedp.Sleep(time.Second), chromedp.CaptureScreenshot(&png))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("attempt-%s-%d-%s-%s.png", name, way.width, way.theme, way.language)), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	do(page, t, chromedp.EmulateViewport(1440, 1000))
}
