// Package uitest looks at the page with a real Chromium: for the tests of
// package ui, and to take the pictures in docs/screens.
//
// The browser runs headless with an empty profile that goes with it, and
// reaches nothing but what it is sent to.
package uitest
