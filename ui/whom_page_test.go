package ui_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// The page shows for whom an attempt was, by what that was told, and what packets
// said as text.
func TestThePageTellsForWhomAnAttemptWas(t *testing.T) {
	site := tried(t)
	named := phone(70, "North gate", "", "203.0.113.80", "TCP", 8086, "egress", "L3", "raw-egress")
	named.Country, named.Network = "DE", "AS64500 Example Cloud"
	named.Said = []ui.SaidView{{By: "http", Name: "pub-cfg.example", Detail: "POST /<b>cfg</b>"}, {By: "tls", Name: hostile}}
	named.Cloud = &ui.CloudView{Service: "Example P2P", Owner: "Example Works", By: "name", Match: "pub-cfg.example", Source: "https://docs.example/clouds#L1", Seen: "2026-11-25"}
	ported := phone(71, "North gate", "", "203.0.113.32", "UDP", 32100, "egress", "L3", "raw-egress")
	ported.Cloud = &ui.CloudView{Service: "PPPP", By: "port", Match: "udp/32100", Source: "https://docs.example/clouds#L2", Seen: "2026-11-25"}
	site.block(named)
	site.block(ported)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate(site.byName()))
	enter(page, t, "admin", secret)
	await(page, t, `document.querySelector('tr.attempt[data-id=a0070] .cloud')?.textContent === 'Example P2P'`)
	await(page, t, `document.querySelector('tr.attempt[data-id=a0071] .cloud.weak')?.textContent === 'PPPP ?'`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0070] .expand').click()`, nil))
	for _, has := range []string{"Example P2P · Example Works", "pub-cfg.example", "AS64500 Example Cloud", "POST /<b>cfg</b>", "<img src=x"} {
		await(page, t, fmt.Sprintf(`[...document.querySelectorAll('.explain dd')].some((d) => d.textContent.includes(%q))`, has))
	}
	await(page, t, `document.title !== 'owned' && document.querySelectorAll('main img, .explain dd b').length === 0`)
}
