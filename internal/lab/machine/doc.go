// Package machine boots a throw-away machine: this system's programs and
// packages under an overlay, a real systemd as process 1, a network of its own.
// In it packages are installed, upgraded and removed for real, and it restarts
// with the disk it had. Nothing of the machine that runs the tests is changed.
//
// It needs root, since a package's files belong to several users: [Main] asks
// sudo where it is started without. It has namespaces of every kind, the user's
// among them, so that its root has no power outside.
//
// A machine is used by one goroutine at a time. One that is idle costs some 60 MB
// of memory; it boots in about two seconds.
package machine
