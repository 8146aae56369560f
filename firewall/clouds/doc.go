// Package clouds knows names, ports and addresses by which cameras reach the services
// of their makers, and says which service that is, who runs it, and how it was told.
//
// The table is part of the program (clouds.tsv): each row names its source and the day
// it was looked at. A label says what something is called, not what it did: a name is
// asked for by whoever likes, and a port alone is a weak sign that others use as well.
// In which country anything stands is never said here.
//
// A [Table] does not change and is looked into from any goroutine.
package clouds
