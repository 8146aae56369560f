package uitest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// ErrNoBrowser says that no Chromium is installed.
var ErrNoBrowser = errors.New("no Chromium found: make deps-browser installs one, or says how")

// find gives the path of Chromium.
func find() (string, error) {
	for _, name := range []string{"/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// Browser starts a Chromium, without some of its features if they are named. The
// returned context is one page of it; close ends the browser and removes its profile.
func Browser(ctx context.Context, without ...string) (page context.Context, closeAll func(), err error) {
	path, err := find()
	if err != nil {
		return nil, nil, err
	}
	profile, err := os.MkdirTemp("", "stockade-browser-")
	if err != nil {
		return nil, nil, fmt.Errorf("make profile: %w", err)
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.Flag("headless", "new"),
		chromedp.NoSandbox, // a namespace of its own is not allowed everywhere, and it opens only our page
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-features", strings.Join(without, ",")),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	// What chromedp does not know of the browser's events is printed by default; what
	// goes wrong comes back from Run.
	page, cancelPage := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	closeAll = func() {
		cancelPage()
		cancelAlloc()
		_ = os.RemoveAll(profile) // a file that the ending browser still holds is the system's to remove
	}
	if err := chromedp.Run(page); err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("start chromium: %w", err)
	}
	return page, closeAll, nil
}

// Await runs a JavaScript expression until it is true, or tells what it was
// when time ran out.
func Await(page context.Context, expression string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	var last string
	for {
		var got any
		err := chromedp.Run(page, chromedp.Evaluate("("+expression+")", &got))
		if yes, ok := got.(bool); err == nil && ok && yes {
			return nil
		}
		if err != nil {
			last = err.Error()
		} else {
			last = fmt.Sprint(got)
		}
		if page.Err() != nil {
			return page.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: still %s after %s", expression, last, patience)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-page.Done():
		}
	}
}

// Text evaluates a JavaScript expression that is a string.
func Text(page context.Context, expression string) (string, error) {
	var got string
	err := chromedp.Run(page, chromedp.Evaluate(expression, &got))
	return got, err
}
