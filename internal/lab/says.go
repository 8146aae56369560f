package lab

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// onvifPort is where a simulated camera answers ONVIF; 80 is left for its pages.
const onvifPort = "8080"

// Says is what a camera says of itself over ONVIF, where that is not what the site
// file declares.
type Says struct {
	Off          bool // it has no ONVIF
	Model        string
	WiFi         string        // name of a wireless network that a second interface is in
	Elsewhere    string        // host that it names as its media service's
	Gateway, NTP string        // default: the recorder
	Behind       time.Duration // its clock
}

// onvif answers the questions of an inspection, and nothing else.
type onvif struct {
	device *Device
	server *http.Server
	ended  chan struct{}
}

// serveONVIF begins to answer in the device's namespace.
func (d *Device) serveONVIF(ctx context.Context) (*onvif, error) {
	o := &onvif{device: d, ended: make(chan struct{})}
	o.server = &http.Server{Handler: o, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	var ln net.Listener
	err := d.host.Do(func() (err error) {
		lc := net.ListenConfig{Control: aheadOfAddress}
		ln, err = lc.Listen(ctx, "tcp", net.JoinHostPort(d.host.ip.String(), onvifPort))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("serve ONVIF: %w", err)
	}
	go func() {
		defer close(o.ended)
		_ = o.server.Serve(ln) // it ends by Close
	}()
	return o, nil
}

// Close ends it.
func (o *onvif) Close() error {
	err := o.server.Close()
	<-o.ended
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// signed is what a question carries to prove who asks (WS-UsernameToken), and which it is.
type signed struct {
	Username string `xml:"Header>Security>UsernameToken>Username"`
	Password string `xml:"Header>Security>UsernameToken>Password"`
	Nonce    string `xml:"Header>Security>UsernameToken>Nonce"`
	Created  string `xml:"Header>Security>UsernameToken>Created"`
	Body     struct {
		Any struct{ XMLName xml.Name } `xml:",any"`
	} `xml:"Body"`
}

// ServeHTTP answers one question.
func (o *onvif) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q signed
	if err := xml.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&q); err != nil {
		http.Error(w, "not SOAP", http.StatusBadRequest)
		return
	}
	name := q.Body.Any.XMLName.Local
	answer, known := o.answers()[name]
	open := name == "GetSystemDateAndTime" || name == "GetServices" // as the standard has it
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	switch {
	case !open && !o.allows(q):
		w.WriteHeader(http.StatusBadRequest)
		answer = fault("NotAuthorized", "Sender not Authorized")
	case !known:
		w.WriteHeader(http.StatusInternalServerError)
		answer = fault("ActionNotSupported", "Optional Action Not Implemented")
	default:
		answer = "<" + name + "Response>" + answer + "</" + name + "Response>"
	}
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>%s</s:Body></s:Envelope>`, answer)
}

func fault(code, reason string) string {
	return "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:" + code + "</s:Value></s:Subcode></s:Code><s:Reason><s:Text>" + reason + "</s:Text></s:Reason></s:Fault>"
}

// allows checks the digest of a question.
func (o *onvif) allows(q signed) bool {
	nonce, err := base64.StdEncoding.DecodeString(q.Nonce)
	if err != nil || q.Username != o.device.Camera.Username {
		return false
	}
	sum := sha1.New()
	sum.Write(nonce)
	_, _ = io.WriteString(sum, q.Created+o.device.Camera.Password)
	return q.Password == base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// answers are all that the device says, by question.
func (o *onvif) answers() map[string]string {
	c, ip := o.device.Camera, o.device.host.ip.String()
	says, now := c.Says, time.Now().UTC().Add(-c.Says.Behind)
	at := "http://" + net.JoinHostPort(ip, onvifPort)
	var b strings.Builder
	fmt.Fprintf(&b, `<NetworkInterfaces token="eth0"><Enabled>true</Enabled><Info><Name>eth0</Name><HwAddress>%s</HwAddress></Info>`+
		`<IPv4><Enabled>true</Enabled><Config><Manual><Address>%s</Address><PrefixLength>16</PrefixLength></Manual><DHCP>false</DHCP></Config></IPv4></NetworkInterfaces>`, c.MAC(), ip)
	if says.WiFi != "" {
		fmt.Fprintf(&b, `<NetworkInterfaces token="wlan0"><Enabled>true</Enabled><Info><Name>wlan0</Name><HwAddress>02:00:00:01:00:%02x</HwAddress></Info>`+
			`<Extension><InterfaceType>71</InterfaceType><Dot11><SSID>%s</SSID></Dot11></Extension></NetworkInterfaces>`, c.Number, says.WiFi)
	}
	return map[string]string{
		"GetSystemDateAndTime": fmt.Sprintf("<SystemDateAndTime><DateTimeType>NTP</DateTimeType><UTCDateTime><Time><Hour>%d</Hour><Minute>%d</Minute><Second>%d</Second></Time>"+
			"<Date><Year>%d</Year><Month>%d</Month><Day>%d</Day></Date></UTCDateTime></SystemDateAndTime>", now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day()),
		"GetServices": service("http://www.onvif.org/ver10/device/wsdl", at+"/onvif/device_service") +
			service("http://www.onvif.org/ver10/media/wsdl", "http://"+net.JoinHostPort(cmp.Or(says.Elsewhere, ip), onvifPort)+"/onvif/media"),
		"GetDeviceInformation": fmt.Sprintf("<Manufacturer>%s</Manufacturer><Model>%s</Model><FirmwareVersion>V5.%d</FirmwareVersion><SerialNumber>SIM%04d</SerialNumber><HardwareId>1.0</HardwareId>",
			c.Maker, cmp.Or(says.Model, c.Model), c.Number, c.Number),
		"GetNetworkInterfaces":     b.String(),
		"GetNetworkDefaultGateway": "<NetworkGateway><IPv4Address>" + cmp.Or(says.Gateway, recorderIP.String()) + "</IPv4Address></NetworkGateway>",
		"GetDNS":                   "<DNSInformation><DNSManual><Type>IPv4</Type><IPv4Address>" + recorderIP.String() + "</IPv4Address></DNSManual></DNSInformation>",
		"GetNTP":                   "<NTPInformation><NTPManual><DNSname>" + cmp.Or(says.NTP, recorderIP.String()) + "</DNSname></NTPManual></NTPInformation>",
		"GetNetworkProtocols":      "<NetworkProtocols><Name>RTSP</Name><Enabled>true</Enabled><Port>" + rtspPort + "</Port></NetworkProtocols>",
		"GetHostname":              "<HostnameInformation><Name>" + c.Device + "</Name></HostnameInformation>",
		"GetScopes":                "<Scopes><ScopeItem>onvif://www.onvif.org/Profile/Streaming</ScopeItem></Scopes>",
		"GetProfiles":              `<Profiles token="main"><Name>main</Name></Profiles>`,
		"GetStreamUri":             "<MediaUri><Uri>" + o.device.URL(0) + "</Uri></MediaUri>",
	}
}

func service(namespace, at string) string {
	return "<Service><Namespace>" + namespace + "</Namespace><XAddr>" + at + "</XAddr></Service>"
}
