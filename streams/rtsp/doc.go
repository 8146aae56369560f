// Package rtsp is one RTSP session with one camera, and the only client of
// gortsplib: signalling, authentication, keep-alive and UDP are gortsplib's;
// the media of a session over TCP is taken out of the connection before
// gortsplib sees it (see demux).
//
// Both ways, the demultiplexing one and the plain one, give the same to a
// [Sink]: RTP headers, payloads and sender reports. It knows no codec beyond
// what the SDP says of it, and reconnects nothing: that is the supervisor's.
//
// # A hostile camera
//
// A recorder is no proxy (C13). The only address that a session ever speaks to
// is Config.Pinned. A redirect, a control URL, a Content-Base or a source=
// that names another host ends the session with KindForeign, before anything is
// sent there; names given by a camera are never resolved. What a camera sends is
// bounded: 128 KiB a message, 16 tracks, 64 KiB a packet.
package rtsp
