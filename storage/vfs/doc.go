// Package vfs is the seam between storage and the disk: the few calls that
// storage makes, so that tests can lose power, fill the disk and break it.
//
// OS passes the calls on. Fault is a file system in memory that keeps apart
// what was written and what was synced, and forgets the difference in every
// way that a real disk may: see its Crash.
//
// Everything here may be used by several goroutines at once.
package vfs
