// Package report says what devices tried in a period and what was proved of
// their containment, signed with the site key, so that somebody else can check
// later that it is what the recorder said.
//
// # What it does not do
//
// It counts nothing itself. A row of the journal that began before the period or
// goes on after it is in the report with all of its packets, and says so by its
// first and last. What retention removed is not in it. Whoever holds the site
// key can sign anything. It writes to no disk.
//
// Functions are pure but for the questions they ask; Make holds at most MaxRows
// attempts in memory, some megabytes.
package report
