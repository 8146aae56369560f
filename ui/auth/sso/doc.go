// Package sso signs people in with an OpenID Connect provider: the authorization
// code flow with PKCE, nonce and state. It says who somebody is and what the
// groups of their account give them; accounts and sessions are not its matter,
// nor are pages: Begin and Finish are what two handlers call.
//
// # Whom it talks to
//
// The issuer that the site file names, and nobody else: scheme, host and port of
// every request are the issuer's, redirects are not followed, proxies of the
// environment are not used. A provider whose discovery document names endpoints
// at another host cannot be used, and the error says so. The recorder sits
// between two networks: it goes nowhere because a document told it to.
//
// A provider that is down, or not reachable from here at all, delays nothing but
// its own sign-ins: it is asked when somebody wants to sign in, at most every 5
// seconds after a failure, and its document is taken again every hour.
//
// # What is remembered meanwhile
//
// Nothing here. What Begin must know at the end travels in a cookie that only
// this process can read or make (AES-GCM under a key of its own), so that no
// number of strangers who begin can push out those who finish. It is good for
// ten minutes, in one browser, once: the states that were used are remembered,
// at most 4,096 of them; past that the oldest may be tried again, and ends at
// the provider, whose codes are good once. A restart ends sign-ins under way.
//
// # Clocks
//
// Tokens may have expired two minutes ago, and may be good from three minutes
// on. On a recorder whose clock is further off nobody can sign in this way, and
// the error says to look at it.
package sso
