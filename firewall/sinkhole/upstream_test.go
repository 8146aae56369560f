package sinkhole_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// C8: nothing here asks anybody. What could is not in the code: no dialling, no
// looking up of names, no client of a library, no connected socket.
func TestThereIsNoSocketTowardsAnyServer(t *testing.T) {
	files, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool {
		return !strings.HasSuffix(f.Name(), "_test.go")
	}, 0)
	must(t, err)
	looked, listens := 0, 0
	for _, f := range files["sinkhole"].Files {
		looked++
		for _, i := range f.Imports {
			switch path := strings.Trim(i.Path.Value, `"`); path {
			case "net/http", "net/rpc", "os/exec", "plugin", "crypto/tls",
				"github.com/insomniacslk/dhcp/dhcpv4/nclient4", "github.com/insomniacslk/dhcp/dhcpv4/client4":
				t.Errorf("%s is imported", path)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := s.Sel.Name
			for _, word := range []string{"Dial", "Lookup", "Resolve", "Exchange", "Client", "Connect", "Transfer"} {
				if strings.HasPrefix(name, word) && !strings.HasPrefix(name, "ClientHW") && !strings.HasPrefix(name, "ClientIP") {
					t.Errorf("%s could ask another server", name)
				}
			}
			if strings.HasPrefix(name, "Listen") {
				listens++
			}
			return true
		})
	}
	if entries, err := os.ReadDir("."); err != nil || looked < 8 || listens == 0 {
		t.Errorf("looked at %d files of %d, in which %d sockets listen: %v", looked, len(entries), listens, err)
	}
}
