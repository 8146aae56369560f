// Package paint draws the scenes of the lab's cameras: simple shapes, seen from
// where a camera would hang, moving so that a still picture is told from a live
// one. Everything is drawn here; no picture comes from anywhere else.
package paint
