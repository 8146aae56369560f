// Package house has no code: its tests hold the structure of the whole. They
// check that arrows between packages point one way, that the customer's
// top-level folders are the only ones, that every package says what it is, and
// that the paths and commands that the documents name exist.
package house
