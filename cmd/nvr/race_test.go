//go:build race

package main

// withRace has the program built with the race detector when its test is.
const withRace = true
