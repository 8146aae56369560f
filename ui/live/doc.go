// Package live sends a stream to a browser over a WebSocket, as MP4 fragments of
// one picture each for Media Source Extensions.
//
// # What goes over the wire
//
// Text messages are JSON and say what happens; binary messages are MP4.
//
//	{"type":"format", "mime", "codec", "codecs", "width", "height", "serial", "now"}  an init follows
//	binary                                             the init (ftyp, moov), then one moof and mdat a picture
//	{"type":"state", "state":"down", "cause", "detail"}  no pictures until the next format; detail is empty for who does not hear details
//	{"type":"skip", "units"}                           so many units were left out; a random access one follows
//	{"type":"clock", "now", "media", "capture"}        once a second: the recorder's clock, and which wall
//	                                                   time the newest picture sent was captured at
//
// The page needs the clock to tell how old the picture is that it shows, and
// takes it for the sign of life when there are no pictures.
//
// # Slow viewers
//
// A write that takes longer than its deadline ends the connection. What a slow
// viewer cannot take is dropped by the Reader, from a unit to the next random
// access one: a viewer never slows the stream. It costs one goroutine to read
// the socket (only its end is awaited) and the request's own to write.
package live
