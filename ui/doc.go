// Package ui is the product's face over HTTP: the JSON API under /api/v1, the
// event streams, the live WebSocket of package live and the embedded page of
// package web.
//
// It owns no truth. Everything it shows comes through [Options]: functions and
// small interfaces that the caller wires to the real packages, and plain view
// types that say what the API says. It keeps no camera, opens no file and dials
// nothing. Accounts are package auth's, the account of who did what is package
// audit's; this package asks them.
//
// # Who may ask
//
// Every operation has a rule in one table, routes.go, checked before its handler
// sees the request. A request is let in by a session's cookie, by a token in the
// Authorization header, or because it came through the daemon's own socket, whose
// peer the kernel vouches for. Filters behind that leave out of lists what the
// principal may not know of. What stays open is asked again each second and ends
// with the right to it.
//
// Before all that, and with or without accounts, every request, WebSocket and
// event stream included, must carry a Host that is ours (else a foreign name that
// resolves here would read the API: DNS rebinding) and, where the browser says
// where it comes from, our own Origin. A change by a session repeats a value that
// only our page can know.
//
// Without accounts (the demo) everybody who reaches the server reads everything
// and changes nothing. Therefore [Server.Serve] then takes loopback only. With
// accounts it speaks plain HTTP on loopback and TLS on any other address.
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
