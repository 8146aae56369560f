// Command build bundles the front end into dist. It is run by go generate in
// the folder ui/web; the result is committed.
package main
