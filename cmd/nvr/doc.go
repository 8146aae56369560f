// Command nvr is Stockade: a network video recorder with a built-in egress
// firewall. See the README for its verbs.
package main
