// Command screens takes the pictures of docs/screens from a running recorder:
//
//	go run ./ui/uitest/screens -url http://127.0.0.1:8080 -out docs/screens
package main
