package onvif

import (
	"strings"
	"time"
)

// This file takes answers apart. What is not there stays empty; nothing is an error.

// readClock reads GetSystemDateAndTimeResponse; false where no time is in it.
// Devices that tell the local time only are not understood: their zone is free text.
func readClock(e *element) (Clock, bool) {
	at := e.find("SystemDateAndTime")
	utc := at.find("UTCDateTime")
	date, clock := utc.find("Date"), utc.find("Time")
	if date == nil || clock == nil {
		return Clock{}, false
	}
	year, month, day := date.number("Year"), date.number("Month"), date.number("Day")
	if year < 1970 || year > 9000 || month < 1 || month > 12 || day < 1 || day > 31 {
		return Clock{}, false
	}
	return Clock{
		Time:   time.Date(year, time.Month(month), day, min(clock.number("Hour"), 23), min(clock.number("Minute"), 59), min(clock.number("Second"), 60), 0, time.UTC),
		Source: at.value("DateTimeType"),
	}, true
}

// readIdentity reads GetDeviceInformationResponse.
func (s *Statement) readIdentity(e *element) {
	s.Manufacturer, s.Model, s.Firmware = e.value("Manufacturer"), e.value("Model"), e.value("FirmwareVersion")
	s.Serial, s.Hardware = e.value("SerialNumber"), e.value("HardwareId")
}

// named is a service as a device names it.
type named struct{ namespace, address string }

// readServices reads GetServicesResponse; it also says whether Wi-Fi could be set up.
func readServices(e *element) (all []named, wireless bool) {
	for _, s := range e.all("Service") {
		all = append(all, named{s.value("Namespace"), s.cut(maxAddress, "XAddr")})
		wireless = wireless || isTrue(s.find("Capabilities", "Capabilities", "Network").attr("Dot11Configuration"))
	}
	return all, wireless
}

// readCapabilities reads GetCapabilitiesResponse, which older devices have.
func readCapabilities(e *element) (all []named, wireless bool) {
	c := e.find("Capabilities")
	for _, one := range []struct{ part, namespace string }{{"Device", nsDevice}, {"Media", nsMedia}, {"Events", nsEvents}, {"PTZ", nsPTZ}, {"Imaging", nsImaging}, {"Analytics", nsAnalytics}} {
		if at := c.cut(maxAddress, one.part, "XAddr"); at != "" {
			all = append(all, named{one.namespace, at})
		}
	}
	return all, c.flag("Device", "Network", "Extension", "Dot11Configuration")
}

// readInterfaces reads GetNetworkInterfacesResponse.
func (s *Statement) readInterfaces(e *element) {
	for _, n := range e.all("NetworkInterfaces") {
		i := Interface{
			Token: n.attr("token"), Name: n.value("Info", "Name"), MAC: strings.ToLower(n.value("Info", "HwAddress")), Enabled: n.flag("Enabled"),
			Type: n.number("Extension", "InterfaceType"),
		}
		if i.Type == 0 {
			i.Type = n.number("Link", "InterfaceType")
		}
		for _, family := range []string{"IPv4", "IPv6"} {
			config := n.find(family, "Config")
			if !n.flag(family, "Enabled") {
				continue
			}
			for _, from := range []string{"Manual", "FromDHCP", "LinkLocal", "FromRA"} {
				for _, a := range config.all(from) {
					if at := a.value("Address"); at != "" {
						i.Addresses = add(i.Addresses, at+"/"+a.value("PrefixLength"))
					}
				}
			}
		}
		radio := n.find("Extension", "Dot11")
		i.SSID = radio.value("SSID")
		i.Wireless = radio != nil || i.Type == typeWiFi
		s.Interfaces = append(s.Interfaces, i)
	}
}

// typeWiFi is ieee80211 in IANA's list of interface types.
const typeWiFi = 71

func (s *Statement) readProtocols(e *element) {
	for _, p := range e.all("NetworkProtocols") {
		one := Protocol{Name: p.value("Name"), Enabled: p.flag("Enabled")}
		for _, port := range p.all("Port") {
			if n := port.number(); n > 0 && n < 1<<16 {
				one.Ports = append(one.Ports, n)
			}
		}
		s.Protocols = append(s.Protocols, one)
	}
}

func (s *Statement) readHostname(e *element) { s.Hostname = e.value("HostnameInformation", "Name") }

func (s *Statement) readDNS(e *element) {
	s.DNS = readHosts(e.find("DNSInformation"), "DNSManual", "DNSFromDHCP")
}

func (s *Statement) readNTP(e *element) {
	s.NTP = readHosts(e.find("NTPInformation"), "NTPManual", "NTPFromDHCP")
}

// readHosts reads a list of addresses or names.
func readHosts(e *element, kinds ...string) (all []string) {
	for _, kind := range kinds {
		for _, h := range e.all(kind) {
			for _, in := range []string{"IPv4Address", "IPv6Address", "DNSname"} {
				if host := h.value(in); host != "0.0.0.0" && host != "::" { // how some say none
					all = add(all, host)
				}
			}
		}
	}
	return all
}

func (s *Statement) readGateways(e *element) {
	for _, kind := range []string{"IPv4Address", "IPv6Address"} {
		for _, g := range e.find("NetworkGateway").all(kind) {
			if at := g.value(); at != "0.0.0.0" && at != "::" {
				s.Gateways = add(s.Gateways, at)
			}
		}
	}
}

// readProfiles reads GetProfilesResponse of either media service.
func readProfiles(e *element) (all []Profile) {
	for _, p := range e.all("Profiles") {
		video := p.find("VideoEncoderConfiguration")
		if video == nil {
			video = p.find("Configurations", "VideoEncoder")
		}
		all = append(all, Profile{
			Token: p.attr("token"), Name: p.value("Name"), Encoding: video.value("Encoding"),
			Width: video.number("Resolution", "Width"), Height: video.number("Resolution", "Height"),
		})
	}
	return all
}

// readStreamURI reads GetStreamUriResponse of either media service.
func readStreamURI(e *element) string {
	if uri := e.cut(maxAddress, "MediaUri", "Uri"); uri != "" {
		return uri
	}
	return e.cut(maxAddress, "Uri")
}

// fault is what a device says when it does not answer a question.
type fault struct {
	refused bool
	reason  string
}

func (f *fault) Error() string { return "it answers: " + f.reason }

// readFault reads a Fault of SOAP 1.2, or of 1.1, which some send.
func readFault(body *element) *fault {
	e := body.find("Fault")
	if e == nil {
		return nil
	}
	var words []string
	for code := e.find("Code"); code != nil; code = code.find("Subcode") {
		words = append(words, code.value("Value"))
	}
	words = append(words, e.value("faultcode"))
	reason := e.value("Reason", "Text")
	if reason == "" {
		reason = e.value("faultstring")
	}
	codes := strings.ToLower(strings.Join(words, " "))
	said := strings.ToLower(reason)
	f := &fault{reason: tidy(strings.Join(words, " ")+" "+reason, maxText)}
	f.refused = strings.Contains(codes, "notauthorized") || strings.Contains(codes, "failedauthentication") ||
		strings.Contains(said, "not authorized") || strings.Contains(said, "unauthorized")
	return f
}
