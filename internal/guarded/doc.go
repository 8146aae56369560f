// Package guarded keeps a damaged bbolt database from ending the program: what
// bbolt panics at, and a fault of its memory map, become ErrDamaged.
//
// A transaction that ended so is rolled back. The database may be of no use
// afterwards, but whoever does not need it goes on. Open, View and Update cost
// next to nothing beyond what bbolt does; they may be called as bbolt's may.
package guarded
