// Package deb has no code: beside it lie what the Debian package is made of, and
// its tests install, upgrade, remove and purge that package on a machine with a
// real systemd, under floods from its cameras.
package deb
