// Package long tells tests how far to go: make test has 25 minutes on two
// cores, make test-long takes what it needs.
package long
