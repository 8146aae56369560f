// Package auth keeps accounts: users and roles, passwords, one-time codes,
// passkeys, sessions, tokens, lock-out, and the confirmation of a second person.
package auth
