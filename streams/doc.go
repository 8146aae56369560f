// Package streams supervises the streams of cameras: one supervisor a stream
// connects, reconnects with jittered back-off, feeds the recorder's Sink with
// parts, keeps the GOP cache and fans access units out to Readers through
// bounded queues. It knows neither disk nor browser.
package streams
