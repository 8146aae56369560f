package onvif

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"strings"
	"time"
)

// Namespaces of ONVIF's services, which also name them.
const (
	nsDevice    = "http://www.onvif.org/ver10/device/wsdl"
	nsMedia     = "http://www.onvif.org/ver10/media/wsdl"
	nsMedia2    = "http://www.onvif.org/ver20/media/wsdl"
	nsEvents    = "http://www.onvif.org/ver10/events/wsdl"
	nsPTZ       = "http://www.onvif.org/ver20/ptz/wsdl"
	nsImaging   = "http://www.onvif.org/ver20/imaging/wsdl"
	nsAnalytics = "http://www.onvif.org/ver20/analytics/wsdl"
)

// question is an operation that changes nothing.
type question struct {
	namespace string
	name      string
	inner     string // XML of ours
}

// ask is a question of the device service without parameters.
func ask(name string) question { return question{nsDevice, name, ""} }

// envelope writes a question with a header, which may be empty.
func (q question) envelope(header string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` +
		`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">` + header +
		`<s:Body><` + q.name + ` xmlns="` + q.namespace + `">` + q.inner + `</` + q.name + `></s:Body></s:Envelope>`
}

// action is what SOAP 1.2 has in the content type.
func (q question) action() string { return q.namespace + "/" + q.name }

// usernameToken is a header of WS-Security 1.1 (Username Token Profile, 3.1): a
// digest of the password, a nonce, and the time by the device's own clock. It has
// SHA-1 because nothing else was ever agreed on.
func usernameToken(username, password string, at time.Time) string {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails: it ends the program instead
	created := at.UTC().Format("2006-01-02T15:04:05Z")
	sum := sha1.New()
	sum.Write(nonce)
	sum.Write([]byte(created + password))
	const (
		secext   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
		utility  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
		digested = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
		binary   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
	)
	return `<s:Header><Security s:mustUnderstand="1" xmlns="` + secext + `"><UsernameToken><Username>` + escape(username) +
		`</Username><Password Type="` + digested + `">` + base64.StdEncoding.EncodeToString(sum.Sum(nil)) +
		`</Password><Nonce EncodingType="` + binary + `">` + base64.StdEncoding.EncodeToString(nonce) +
		`</Nonce><Created xmlns="` + utility + `">` + created + `</Created></UsernameToken></Security></s:Header>`
}

// escape writes text into XML.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
