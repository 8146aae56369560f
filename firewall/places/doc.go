// Package places tells, without asking anybody, which country an address is in and
// whose network it is of: from database files that the site gives (MMDB), else from
// those that Debian's packages tor-geoipdb and libloc-database install.
//
// Not knowing is a normal answer. So is a wrong one: where an address block is
// registered is not where the machine stands, nor who owns what runs on it.
//
// A [Book] is read by any goroutine while [Book.Run] looks for changed files and
// reads them. A file that is damaged is named in [Book.Status], and what was read of
// it before goes on being used: nothing here ever stops anything else. Files are held
// in memory whole: 15 MB for tor-geoipdb, 55 MB for libloc-database, and as much as an
// MMDB file has.
package places
