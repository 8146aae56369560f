package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

// saysOfItself asks a camera over ONVIF, in its own namespace, through a recorder
// that enforces. It names a foreign host, another MAC and a radio; the findings
// reach the command, the containment panel and the audit, and nobody is dialled.
func (h *household) saysOfItself(dir string) error {
	const foreign = "203.0.113.9"
	var mu sync.Mutex
	var asked []string
	answers := map[string]string{
		"GetServices": "<Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>http://" + foreign + "/onvif/media</XAddr></Service>",
		"GetNetworkInterfaces": `<NetworkInterfaces token="wlan0"><Enabled>true</Enabled><Info><Name>wlan0</Name><HwAddress>02:00:00:00:00:77</HwAddress></Info>` +
			`<Extension><InterfaceType>71</InterfaceType><Dot11><SSID>guest</SSID></Dot11></Extension></NetworkInterfaces>`,
		"GetSystemDateAndTime": "", "GetProfiles": "",
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what there was of it
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.RemoteAddr+" "+r.URL.Path+" "+string(body))
		for name, answer := range answers {
			if bytes.Contains(body, []byte("<"+name+" ")) {
				fmt.Fprintf(w, `<s:Envelope xmlns:s="s"><s:Body><%[1]sResponse>%[2]s</%[1]sResponse></s:Body></s:Envelope>`, name, answer)
				return
			}
		}
		http.Error(w, "no", http.StatusInternalServerError)
	})}
	var ln net.Listener
	if err := h.camera.Do(func() (err error) { ln, err = net.Listen("tcp", "10.20.1.11:8080"); return err }); err != nil {
		return err
	}
	go func() { _ = srv.Serve(ln) }() // until it is closed
	defer srv.Close()
	var said ui.InspectionView
	if err := h.exchange("POST", "devices/dev-a/inspect", struct{}{}, &said); err != nil {
		return err
	}
	var found []string
	for _, f := range said.Findings {
		found = append(found, f.Code+" "+f.About)
	}
	const want = "radio wlan0, other-mac 02:00:00:00:00:77, foreign " + foreign
	if got := strings.Join(found, ", "); got != want {
		return fmt.Errorf("found %q, want %q: %+v", got, want, said)
	}
	mu.Lock()
	all := strings.Join(asked, "\n")
	mu.Unlock()
	if !strings.Contains(all, "/onvif/media") || strings.Count(all, "10.20.0.1:") != len(asked) {
		return fmt.Errorf("the device was asked:\n%s", all)
	}
	out, err := exec.Command(h.nvr, "inspect", "--device", "dev-a", "--server", "unix:"+filepath.Join(dir, "state", socketName)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `it has a radio that is on: wlan0, in the network "guest"`) {
		return fmt.Errorf("nvr inspect: %w: %s", err, out)
	}
	if err := h.radioIsKnown(); err != nil {
		return err
	}
	// One that answers no more, or is silent about its interfaces, takes no radio back.
	mu.Lock()
	delete(answers, "GetNetworkInterfaces")
	mu.Unlock()
	for _, outcome := range []string{"answered", "closed"} {
		if outcome == "closed" {
			srv.Close()
		}
		if err := h.exchange("POST", "devices/dev-a/inspect", struct{}{}, &said); err != nil || said.Outcome != outcome {
			return fmt.Errorf("want %s: %w: %+v", outcome, err, said)
		}
		if err := h.radioIsKnown(); err != nil {
			return fmt.Errorf("%s: %w", outcome, err)
		}
	}
	return nil
}

// radioIsKnown looks for the radio among what containment depends on.
func (h *household) radioIsKnown() error {
	c, err := ask[ui.ContainmentView](h.r.api, "containment")
	if err != nil {
		return err
	}
	for _, f := range c.Findings {
		if f.Kind == "radio" && f.Device == "dev-a" && f.Level == "warning" && f.Current && holds(c.State) {
			return nil
		}
	}
	text, _ := json.Marshal(c) // it was read from JSON
	return fmt.Errorf("the radio is not among the findings: %s", text)
}
