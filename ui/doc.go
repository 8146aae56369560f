// Package ui is the product's face over HTTP: the JSON API under /api/v1, the
// event streams, the live WebSocket of package live and the embedded page of
// package web.
//
// It owns no truth. Everything it shows comes through [Options]: functions and
// two small interfaces that the caller wires to the real packages, and plain
// view types that say what the API says. It keeps no camera, opens no file and
// dials nothing.
//
// # Who may ask
//
// There is no login yet. Therefore [Server.Serve] refuses any address but
// loopback, and every request, WebSocket and event stream included, must carry
// a loopback Host (else a foreign name that resolves to 127.0.0.1 would read
// the API: DNS rebinding) and, where the browser says where it comes from, our
// own Origin. Nothing here changes anything: every method but GET and HEAD is
// refused.
//
// # Strings of strangers
//
// Host names, addresses, reasons and details may be written by an attacker.
// They travel as JSON strings only, are bounded, and the page sets them as text.
//
// # Concurrency and cost
//
// A request is a goroutine of net/http. An event stream costs one goroutine and
// one snapshot a second; the number of event streams and of live viewers is
// bounded, and one too many is refused with the reason.
package ui
