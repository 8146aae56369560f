package ui_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/ui"
	"github.com/stockade-nvr/stockade/ui/uitest"
)

const patience = 60 * time.Second

// browse starts a browser that ends with the test.
func browse(t *testing.T, without ...string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	page, closeAll, err := uitest.Browser(ctx, without...)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeAll()
		cancel()
	})
	return page
}

func await(page context.Context, t *testing.T, expression string) {
	t.Helper()
	if err := uitest.Await(page, expression, patience); err != nil {
		t.Fatal(err)
	}
}

func do(page context.Context, t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(page, actions...); err != nil {
		t.Fatal(err)
	}
}

func tile(camera, is string) string {
	return fmt.Sprintf(`document.querySelector('.tile[data-camera="%s"]')?.dataset.state === '%s'`, camera, is)
}

// campNorth is a site with most of what can be seen.
func campNorth(t *testing.T) *fakeSite {
	t.Helper()
	s := newFakeSite()
	avc, hevc := encode(t, "h264", "640x360"), encode(t, "hevc", "320x180")
	s.film = film(t, "libx264", "320x180", 20)
	s.add("gate", "North gate", s.stream("gate", "main", avc, ui.RecordOn), s.stream("gate", "sub", avc, ui.RecordOff))
	s.add("yard", "Motor pool yard", s.stream("yard", "main", hevc, ui.RecordOff), s.stream("yard", "sub", avc, ui.RecordOn))
	s.add("dock", "Loading dock", s.stream("dock", "main", avc, ui.RecordOn))
	s.add("roof", "Roof, west", s.stream("roof", "main", avc, ui.RecordWaiting))
	roof := &s.cameras[3].Streams[0]
	roof.State, roof.Cause, roof.Reason = ui.StreamDown, "camera-offline", "camera-offline"
	s.streams["roof/main"].set(false, down(streams.CauseOffline, "connect 10.20.1.14:554: no route to host; check its power and cable"))
	for i, a := range []ui.AttemptView{
		phone(1, "North gate", "p2p.cam-cloud.example", "198.18.0.5", "UDP", 32100, "egress", "L3", "raw-egress"),
		phone(2, "North gate", "mqtt.cam-cloud.example", "198.18.0.6", "TCP", 8883, "egress", "L3", "raw-egress"),
		phone(3, "Motor pool yard", "", "8.8.8.8", "UDP", 53, "egress", "L3", "raw-egress"),
		phone(4, "Motor pool yard", "", "2001:4860:4860::8888", "TCP", 443, "egress", "L3", "raw6-egress"),
		phone(5, "Loading dock", "", "10.20.1.11", "TCP", 554, "lateral", "L1", "br-lateral"),
		phone(6, "Loading dock", "", "1.1.1.1", "ICMP", 0, "egress", "L3", "raw-egress"),
		phone(7, "", "", "203.0.113.9", "TCP", 443, "unknown-device", "L3", "raw-unknown"),
		phone(8, "North gate", "", "239.255.255.250", "UDP", 1900, "chatter", "L3", "raw-chatter"),
		phone(9, "North gate", "time.cam-cloud.example", "198.18.0.7", "UDP", 123, "egress", "L3", "raw-egress"),
	} {
		a.First = time.Now().UTC().Add(-time.Duration(60-i) * time.Minute)
		a.Count = uint64(17 * (10 - i) * (i + 1))
		a.New = i == 4
		if a.Reason == "unknown-device" {
			a.Device, a.Source, a.MAC = "", "10.20.9.77", "9c:8e:cd:12:34:56"
		}
		s.block(a)
	}
	return s
}

func TestPageShowsTheMainJob(t *testing.T) {
	s := campNorth(t)
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate(base))

	t.Run("tiles come live and move", func(t *testing.T) {
		await(page, t, tile("gate", "live"))
		await(page, t, tile("dock", "live"))
		const at = `document.querySelector('.tile[data-camera=gate] video').currentTime`
		do(page, t, chromedp.Evaluate(`window.began = `+at, nil))
		await(page, t, at+` > window.began + 0.5`)
		await(page, t, `/ms/.test(document.querySelector('.tile[data-camera=gate] .tech').textContent)`)
	})
	t.Run("H.265 is shown by its substream, with the reason", func(t *testing.T) {
		await(page, t, tile("yard", "live"))
		await(page, t, `document.querySelector('.tile[data-camera=yard] .chip')?.title.includes('cannot play the main stream (H.265)')`)
	})
	t.Run("a camera that is down says why, and that it is not recorded", func(t *testing.T) {
		await(page, t, tile("roof", "offline"))
		await(page, t, `document.querySelector('.tile[data-camera=roof]').textContent.includes('Camera does not answer')`)
		await(page, t, `document.querySelector('.banner.warn')?.textContent.includes('1 camera is not being recorded')`)
	})
	t.Run("a frozen picture is not shown as live, and comes back", func(t *testing.T) {
		s.streams["dock/main"].set(true, nil)
		await(page, t, tile("dock", "stale"))
		await(page, t, `/\d+\.\d s old/.test(document.querySelector('.tile[data-camera=dock] .cover')?.textContent)`)
		s.streams["dock/main"].set(false, nil)
		await(page, t, tile("dock", "live"))
	})
	t.Run("a camera that goes offline leaves no picture", func(t *testing.T) {
		s.streams["dock/main"].set(false, down(streams.CauseAuth, "the camera refused user viewer"))
		await(page, t, tile("dock", "offline"))
		await(page, t, `document.querySelector('.tile[data-camera=dock] .cover').textContent.includes('refuses the password')`)
		await(page, t, `!document.querySelector('.tile[data-camera=dock] video').currentSrc || document.querySelector('.tile[data-camera=dock] video').readyState === 0`)
		s.streams["dock/main"].set(false, nil)
		await(page, t, tile("dock", "live"))
	})
	t.Run("attempts", func(t *testing.T) { attemptsOnPage(page, t, s) })
	t.Run("playback", func(t *testing.T) { playbackOnPage(page, t, s) })
	t.Run("containment", func(t *testing.T) { containmentOnPage(page, t, s) })
}

func attemptsOnPage(page context.Context, t *testing.T, s *fakeSite) {
	rows := func(n int) string { return fmt.Sprintf(`document.querySelectorAll('tr.attempt').length === %d`, n) }
	await(page, t, rows(8)) // nine, one of which is chatter
	// A row from the stream, with markup for a host name: text and nothing else.
	s.block(phone(20, "North gate", hostile, "198.18.0.9", "TCP", 443, "egress", "L3", "raw-egress"))
	await(page, t, rows(9))
	await(page, t, `document.querySelector('tr.attempt[data-id=a0020] bdi.host').textContent.includes('<img src=x')`)
	await(page, t, `document.title !== 'owned' && document.querySelectorAll('main img').length === 0`)
	// Another hit of it counts up in place.
	s.block(phone(20, "North gate", hostile, "198.18.0.9", "TCP", 443, "egress", "L3", "raw-egress"))
	await(page, t, `document.querySelector('tr.attempt[data-id=a0020] .c-count b').textContent === '2'`)

	// The pointer over the table holds the order and counts what is new.
	var x, y float64
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt').scrollIntoView({block: 'center'})`, nil),
		chromedp.Evaluate(`document.querySelector('tr.attempt').getBoundingClientRect().x + 40`, &x),
		chromedp.Evaluate(`document.querySelector('tr.attempt').getBoundingClientRect().y + 8`, &y))
	do(page, t, input.DispatchMouseEvent(input.MouseMoved, x, y))
	s.block(phone(21, "Loading dock", "", "192.0.2.1", "TCP", 80, "egress", "L3", "raw-egress"))
	await(page, t, `document.querySelector('.filter').textContent.includes('Paused · 1 new')`)
	await(page, t, rows(9))
	do(page, t, input.DispatchMouseEvent(input.MouseMoved, 5, 5))
	await(page, t, rows(10))

	// Chatter, a cell's filter and its exclusion.
	do(page, t, chromedp.Click(`.check input`, chromedp.ByQuery))
	await(page, t, rows(11))
	do(page, t, chromedp.Click(`.check input`, chromedp.ByQuery))
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0005] .c-reason .by').click()`, nil))
	await(page, t, rows(1))
	do(page, t, chromedp.Click(`.filter-chip`, chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0005] .c-reason .by').dispatchEvent(new MouseEvent('click', {bubbles: true, altKey: true}))`, nil))
	await(page, t, rows(9))
	do(page, t, chromedp.Click(`.filter-chip`, chromedp.ByQuery),
		chromedp.SendKeys(`.box input`, "cam-cloud -mqtt", chromedp.ByQuery))
	await(page, t, rows(2))
	do(page, t, chromedp.Evaluate(`{const i = document.querySelector('.box input'); i.value = ''; i.dispatchEvent(new Event('input', {bubbles: true}))}`, nil))

	// The explanation, with the packet's bytes.
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0001] .expand').click()`, nil))
	await(page, t, `document.querySelector('.explain .dump')?.textContent.startsWith('0000  45 00')`)
	await(page, t, `document.querySelector('.explain').textContent.includes('g12-4fd1c0') && document.querySelector('.explain').textContent.includes('Dropped on arrival')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('tr.attempt[data-id=a0001] .expand').click()`, nil))
}

func playbackOnPage(page context.Context, t *testing.T, s *fakeSite) {
	const strip = `.strip[data-camera=gate] nvr-timeline`
	await(page, t, `document.querySelector('`+strip+`')?.getAttribute('aria-valuetext')?.length > 0`)
	do(page, t, chromedp.Evaluate(`{const e = document.querySelector('`+strip+`'), b = e.getBoundingClientRect();
		e.dispatchEvent(new MouseEvent('click', {clientX: b.x + b.width * 0.8, clientY: b.y + 5, bubbles: true}))}`, nil))
	await(page, t, `document.querySelector('.stage.playback')?.dataset.state === 'playing'`)
	const at = `document.querySelector('.stage.playback video').currentTime`
	await(page, t, at+` > 0.3`)
	// The wall time shown follows the picture, and the address names camera and time.
	await(page, t, `Math.abs(Number(document.querySelector('.wall-time').dataset.wall) - Date.parse(new URLSearchParams(location.hash.slice(1)).get('at'))) < 30000`)
	await(page, t, `location.hash.includes('camera=gate')`)
	await(page, t, `document.querySelector('.moment input').value.length >= 16`)
	// Nobody looks at the other cameras: they are not pulled any more.
	eventually(t, "the wall's tiles are still pulled", func() bool { return s.streams["dock/main"].viewers() == 0 })
	// The film ends before the footage does: playback goes on by itself with the next piece.
	var src string
	do(page, t, chromedp.Evaluate(`document.querySelector('.stage.playback video').src`, &src),
		chromedp.Evaluate(`document.querySelector('.stage.playback video').currentTime = 19.5`, nil))
	await(page, t, `document.querySelector('.stage.playback video').src !== `+fmt.Sprintf("%q", src)+` && `+at+` > 0 && `+at+` < 15`)
	// Only an explicit LIVE goes back to live.
	do(page, t, chromedp.Click(`.live-button`, chromedp.ByQuery))
	await(page, t, `document.querySelector('.stage')?.dataset.state === 'live'`)
	await(page, t, `location.hash === '#camera=gate'`)
	do(page, t, chromedp.Evaluate(`[...document.querySelectorAll('#live button')].find(b => b.textContent.includes('All cameras')).click()`, nil))
	await(page, t, tile("gate", "live"))
	// A recorded camera in the table, and the gap with its reason.
	do(page, t, chromedp.Evaluate(`document.querySelector('.ranges button[aria-label="As a table"]').click()`, nil))
	await(page, t, `document.querySelector('.tables')?.textContent.includes('being written')`)
	await(page, t, `document.querySelector('.tables')?.textContent.includes('Gap: Camera does not answer')`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.ranges button[aria-label="As a timeline"]').click()`, nil))
	eventually(t, "clips are still open", func() bool { return s.clips.Load() == 0 })
}

// eventually waits for what the page does in its own time.
func eventually(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise)
		}
	}
}

func containmentOnPage(page context.Context, t *testing.T, s *fakeSite) {
	badge := func(is string) string {
		return `document.querySelector('[data-badge]')?.dataset.badge === '` + is + `'`
	}
	await(page, t, badge("enforced"))
	// Nothing proves it yet, so no part that states it may say so, however it is spelt.
	const states = `[...document.querySelectorAll('.badge, .state, .banner, #containment .panel-head .muted')].map(e => e.innerText).join()`
	await(page, t, `/enforced/i.test(`+states+`) && !/contained/i.test(`+states+`) && /checked \d s ago/.test(document.querySelector('[data-badge]').textContent)`)
	provedOnPage(page, t, s)
	s.setContainment(func(c *ui.ContainmentView) {
		c.State, c.Reasons = "not-enforced", []string{"the rules were flushed by another program"}
		c.Layers[3].Holds = false
	})
	await(page, t, badge("not-enforced"))
	await(page, t, `document.querySelector('.banner.bad')?.textContent.includes('cameras may reach the outside')`)
	await(page, t, `document.title.startsWith('NOT ENFORCED')`)
	await(page, t, `document.querySelectorAll('.layers .missing').length === 1`)
	s.setContainment(func(c *ui.ContainmentView) {
		c.State, c.Reasons = "degraded", []string{"layer L3 is missing"}
	})
	await(page, t, badge("degraded"))
	s.setContainment(func(c *ui.ContainmentView) {
		c.State, c.Reasons, c.Layers[3].Holds = "enforced", nil, true
	})
	await(page, t, badge("enforced"))
	s.setContainment(func(c *ui.ContainmentView) {
		at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
		c.Drift = []ui.DriftView{
			{ID: 2, First: at, Last: at, Layer: "L1", Found: "XDP program 7 on enp2s0; remove it: ip link set dev enp2s0 xdp off; until then the port is down", Done: "stands", Count: 1},
			{ID: 1, First: at, Last: at.Add(time.Hour), Layer: "L4", Found: "a foreign rule stands before ours in FORWARD: <b>-j ACCEPT</b>", Done: "repaired", Count: 4},
		}
	})
	s.setContainment(func(c *ui.ContainmentView) { c.Notes = []string{"/etc/network/interfaces:4: ifupdown sets up enp2s0"} })
	await(page, t, `document.querySelector('#containment .note')?.textContent.endsWith('ifupdown sets up enp2s0')`)
	await(page, t, `document.querySelector('.changes summary')?.textContent === 'Changed by others: 2'`)
	await(page, t, `document.querySelector('.changes dt.bad')?.textContent.endsWith('L1 · still there')`)
	await(page, t, `/<b>-j ACCEPT<\/b> · 4 times, last /.test(document.querySelector('.changes').textContent) && !document.querySelector('.changes b')`)
}

// provedOnPage looks at the canary's rounds: proved, with a tap deaf, leaking, and none any more.
func provedOnPage(page context.Context, t *testing.T, s *fakeSite) {
	state := func(badge, verdict string) {
		t.Helper()
		await(page, t, `document.querySelector('[data-badge]')?.dataset.badge === '`+badge+`' && document.querySelector('[data-proof]')?.dataset.proof === '`+verdict+`'`)
	}
	s.setProof("contained", proofOf("proved"))
	state("contained", "proved")
	await(page, t, `document.title.startsWith('Camp North') && /3 of 3 paths/.test(document.querySelector('.proof-head').textContent)`)
	do(page, t, chromedp.Evaluate(`document.querySelector('.proof details').open = true`, nil))
	await(page, t, `document.querySelectorAll('.proof [data-path].stopped').length === 3 && !document.querySelector('.proof [data-path]:not(.stopped)')`)
	s.setProof("not-enforced", proofOf("leaking"))
	state("not-enforced", "leaking")
	await(page, t, `/came out at eth0/.test(document.querySelector('.proof [data-path=udp4].leaked')?.textContent)`)
	await(page, t, `document.querySelector('.banner.bad')?.textContent.includes('canary')`)
	s.setProof("enforced", proofOf("unproved"))
	state("enforced", "unproved")
	await(page, t, `document.querySelector('.badge.warn[data-badge]')?.textContent.includes('not proved') && document.querySelector('.proof').textContent.includes('deaf')`)
	s.setContainment(func(c *ui.ContainmentView) { c.Proof, c.Unproved = nil, "" })
	state("enforced", "none")
}

// setProof says what the canary's last round was, and what that makes of containment.
func (s *fakeSite) setProof(state string, p ui.ProofView) {
	s.setContainment(func(c *ui.ContainmentView) {
		short := p.ProofInShort
		c.State, c.Reasons, c.Proof, c.Unproved, s.proof = state, p.Reasons, &short, strings.Join(p.Reasons, "; "), p
	})
}

// proofOf is a round with that verdict.
func proofOf(verdict string) ui.ProofView {
	now := time.Now().UTC()
	next := now.Add(time.Minute)
	p := ui.ProofView{
		ProofInShort: ui.ProofInShort{Verdict: verdict, Began: &now, Next: &next, Seconds: 0.21, CPU: 0.004, Tried: 3, Stopped: 3, Reasons: []string{}},
		Paths: []ui.PathView{
			{ID: "udp4", As: "pinned", Text: "UDP to the outside", Outcome: "stopped", Expected: "L3 egress", Seen: []string{"L3 egress"}, Leaks: []string{}},
			{ID: "dns4", As: "pinned", Text: "DNS to a server outside", Outcome: "stopped", Expected: "answered by the recorder itself", Seen: []string{"answered by the recorder itself"}, Leaks: []string{}},
			{ID: "spoof-both", As: "spoofing", Text: "the outside, as another camera that hangs elsewhere", Outcome: "stopped", Expected: "L1 spoof", Seen: []string{"L1 spoof"}, Leaks: []string{}},
		},
		Controls: []ui.ControlView{{ID: "leaving4", Text: "what leaves by any interface, IPv4", Seen: true}}, Notes: []string{}, Unseeable: []string{"a camera's own radio"},
	}
	switch verdict {
	case "leaking":
		p.Paths[0].Outcome, p.Paths[0].Leaks, p.Stopped, p.Leaked = "leaked", []string{"eth0"}, 2, 1
		p.Reasons = []string{"canary, pinned device to UDP to the outside (udp4): came out at eth0"}
	case "unproved":
		p.Controls[0].Seen = false
		p.Reasons = []string{"the canary is deaf at what leaves by any interface, IPv4: its control packet was not seen there"}
	}
	return p
}

func TestEmptyTableSaysWhatItProves(t *testing.T) {
	s := newFakeSite()
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.Navigate(base))
	await(page, t, `document.querySelector('[data-empty]')?.dataset.empty === 'enforced'`)
	s.setContainment(func(c *ui.ContainmentView) { c.State = "disarmed" })
	await(page, t, `document.querySelector('[data-empty]')?.dataset.empty === 'not-enforced'`)
}

func TestPageSaysThatTheRecorderIsGoneAndRecovers(t *testing.T) {
	s := newFakeSite()
	c := encode(t, "h264", "320x180")
	s.add("gate", "North gate", s.stream("gate", "main", c, ui.RecordOn))
	stop, base := s.restartable(t, "127.0.0.1:0")
	page := browse(t)
	do(page, t, chromedp.Navigate("http://"+base))
	await(page, t, tile("gate", "live"))
	stop()
	await(page, t, tile("gate", "reconnecting"))
	await(page, t, `document.querySelector('[data-badge]').dataset.badge === 'unknown' && document.querySelector('.banner.bad')?.textContent.includes('No contact')`)
	stop, _ = s.restartable(t, base)
	defer stop()
	await(page, t, `document.querySelector('[data-badge]').dataset.badge === 'enforced'`)
	await(page, t, tile("gate", "live"))
}

// TestScreens takes pictures of the fake site when STOCKADE_SCREENS names a
// folder; else it only proves that the helper can.
func TestScreens(t *testing.T) {
	dir, only := os.Getenv("STOCKADE_SCREENS"), []string(nil)
	if dir == "" {
		dir, only = t.TempDir(), []string{"page-390-dark-whole", "playback-1440-light"}
	}
	s := campNorth(t)
	base := s.serve(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := (uitest.Screens{BaseURL: base, Dir: dir, Settle: 500 * time.Millisecond, Only: only}).Take(ctx); err != nil {
		t.Fatal(err)
	}
}
