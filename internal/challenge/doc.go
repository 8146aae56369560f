// Package challenge reads what a device asks for with WWW-Authenticate, and answers
// the best of it with an account: Digest with MD5 or SHA-256. Whoever sends the
// answer decides where to, and how often: devices lock accounts.
//
// Its functions keep nothing and may be called at once. What is read is bounded,
// and nothing of it reaches a header that could end the header's line.
package challenge
