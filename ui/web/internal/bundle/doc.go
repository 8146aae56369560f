// Package bundle turns the front end's sources into what the server embeds:
// TypeScript and CSS through esbuild, used as a library, so that building needs
// no Node and gives the same bytes on every machine.
//
// It is used by the generator and by the test that compares its output with
// what is committed; no part of the product imports it.
package bundle
