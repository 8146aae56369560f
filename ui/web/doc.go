// Package web embeds the front end: one page, its scripts and its styles.
//
// The sources are in src (TypeScript, Preact and signals), what they use of
// others in vendor, with licences and hashes in vendor/manifest.json. dist is
// what go generate makes of them; it is committed, so that building the product
// needs neither Node nor network, and a test compares it with a fresh build.
package web
