//go:build race

package journal_test

// withRace: the race detector slows what the tests measure.
const withRace = true
