package ui_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/stockade-nvr/stockade/ui"
)

// TestNothingIsClaimedThatIsNotKnown takes the recorder away: what was true of
// recording and containment a moment ago is then said of neither.
func TestNothingIsClaimedThatIsNotKnown(t *testing.T) {
	s := newFakeSite()
	s.add("gate", "North gate", s.stream("gate", "main", encode(t, "h264", "320x180"), ui.RecordOn))
	s.add("attic", "Attic", s.stream("attic", "main", encode(t, "hevc", "320x180"), ui.RecordOn))
	stop, base := s.restartable(t, "127.0.0.1:0")
	page := browse(t)
	do(page, t, chromedp.EmulateViewport(1440, 1000), chromedp.Navigate("http://"+base))

	const recording = `document.querySelector('[data-recording]')?.dataset.recording === `
	const attic = `document.querySelector('.tile[data-camera=attic] .cover')?.textContent`
	layers := func(are string) string { return `document.querySelectorAll('.layers .` + are + `').length === 6` }
	rec := func(is string) string {
		return `document.querySelectorAll('.tile .rec.` + is + `').length === 2 && document.querySelectorAll('.strip .rec.` + is + `').length === 2`
	}
	await(page, t, tile("gate", "live"))
	await(page, t, tile("attic", "unplayable"))
	await(page, t, attic+`.includes('cannot play H.265') && `+attic+`.includes('recorded all the same')`)
	await(page, t, recording+`'all' && `+rec("recording")+` && `+layers("holds"))

	stop()
	await(page, t, recording+`'unknown' && document.querySelector('[data-recording]').textContent.includes('not known')`)
	await(page, t, rec("unknown")+` && `+layers("unknown"))
	await(page, t, `!document.body.textContent.includes('recorded all the same')`)
	await(page, t, `document.querySelector('[data-empty]').dataset.empty === 'unknown'`)
	await(page, t, `!document.querySelector('#containment .panel-head').textContent.includes('hold')`)
	// What changes beside a banner's title is not announced each second.
	await(page, t, `!document.querySelector('.banner[role]') && document.querySelector('.banner strong[role=alert]').textContent.includes('No contact')`)

	stop, _ = s.restartable(t, base)
	defer stop()
	await(page, t, recording+`'all' && `+rec("recording")+` && `+layers("holds"))
	// Not recorded is not said to be recorded, whatever the browser can play.
	s.mu.Lock()
	s.cameras[1].Streams = []ui.StreamView{s.cameras[1].Streams[0]}
	s.cameras[1].Streams[0].Recording = ui.RecordOff
	s.mu.Unlock()
	await(page, t, attic+`.includes('cannot play H.265') && !`+attic+`.includes('recorded all the same')`)
	// Layers that only watch neither hold nor are missing.
	s.setContainment(func(c *ui.ContainmentView) { c.State = "observing" })
	await(page, t, layers("unknown"))
}

// TestTroubleIsToldOnceAndInTheReadersLanguage: recording and containment have
// banners of their own, the other checks share one, with names of the catalogue.
func TestTroubleIsToldOnceAndInTheReadersLanguage(t *testing.T) {
	s := newFakeSite()
	s.add("gate", "North gate", ui.StreamView{Stream: "main", State: ui.StreamDown, Cause: "camera-offline", Recording: ui.RecordWaiting, Reason: "not-scheduled"})
	s.streams["gate/main"] = newFakeStream(&clip{})
	s.streams["gate/main"].set(false, down("camera-offline", "no route to host"))
	s.setContainment(func(c *ui.ContainmentView) {
		c.State, c.Reasons, c.Layers[3].Holds = "degraded", []string{"layer L3 is missing"}, false
	})
	s.health = ui.HealthView{State: ui.HealthBad, Checks: []ui.HealthCheck{
		{Name: "containment", State: ui.HealthWarn, Detail: "layer L3 is missing", Fix: "find out by whom"},
		{Name: "recording", State: ui.HealthBad, Detail: "not recording: North gate"},
		{Name: "volume /srv/video", State: ui.HealthBad, Detail: "gone", Fix: "check its mount"},
		{Name: "index", State: ui.HealthWarn, Detail: "being rebuilt"},
	}}
	base := s.serve(t)
	page := browse(t)
	do(page, t, chromedp.Navigate(base))
	banners := func(n int) string { return `document.querySelectorAll('.banner').length === ` + string(rune('0'+n)) }
	await(page, t, banners(3))
	const last = `[...document.querySelectorAll('.banner')].at(-1).textContent`
	await(page, t, last+`.includes('Volume /srv/video: gone → check its mount') && `+last+`.includes('Index of footage')`)
	await(page, t, `document.querySelectorAll('.banner')[1].textContent.includes('North gate: Not scheduled')`)
	await(page, t, `document.body.textContent.split('layer L3 is missing').length === 2`)
	do(page, t, chromedp.Click(`.tools button[lang=ko]`, chromedp.ByQuery))
	await(page, t, last+`.includes('저장 볼륨 /srv/video') && `+last+`.includes('저장할 수 없습니다') && `+last+`.includes('영상 색인')`)
	await(page, t, `document.querySelectorAll('.banner')[1].textContent.includes('녹화 예약 없음')`)
	await(page, t, `[...document.querySelectorAll('.layers .name')].every(e => /[가-힣]/.test(e.textContent))`)
}

// TestABrowserThatKeepsNothing blocks its storage: the page works all the same.
func TestABrowserThatKeepsNothing(t *testing.T) {
	s := newFakeSite()
	base := s.serve(t)
	page := browse(t)
	do(page, t, before(`Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('blocked', 'SecurityError') }})`), chromedp.Navigate(base))
	await(page, t, `document.querySelector('[data-badge]')?.dataset.badge === 'enforced'`)
	do(page, t, chromedp.Click(`.tools button[lang=ko]`, chromedp.ByQuery))
	await(page, t, `document.documentElement.lang === 'ko'`)
}
