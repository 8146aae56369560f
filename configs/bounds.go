package configs

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of a file that the YAML library gets to see. The library takes time and
// memory by the square of the nesting: 200 kB of brackets or of hyphens in one
// line keep it busy for most of a minute, 2 MB exhaust the machine.
const (
	maxFile     = 8 << 20 // bytes; 1,300 devices and cameras need about 600 KiB
	maxLine     = 4096    // bytes
	maxBrackets = 64      // open at the same time
)

// unfit finds what makes a file too strange to parse; nil when nothing does.
func unfit(file []byte) Problems {
	if len(file) > maxFile {
		return oddity(1, fmt.Sprintf("the file has %d bytes, more than %d", len(file), maxFile), "is this the site file?")
	}
	line, open := 0, 0
	for text := range bytes.Lines(file) {
		line++
		switch {
		case len(text) > maxLine:
			return oddity(line, fmt.Sprintf("the line has %d bytes, more than %d", len(text), maxLine), "break it up")
		case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
			return oddity(line, "the line is not text in UTF-8", "is this the site file?")
		}
		for _, c := range text {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
		}
		if open > maxBrackets {
			return oddity(line, fmt.Sprintf("%d brackets are open here", open), "close them")
		}
	}
	return nil
}

func oddity(line int, message, fix string) Problems {
	return Problems{{Position: Position{line, 1}, Message: message, Fix: fix}}
}

// syntaxTree parses what is fit for it. The library is not ours, and a half-typed
// file in somebody's editor must not end a recorder that is running: should the
// library panic, that is a problem of the file.
func syntaxTree(file []byte) (tree *ast.File, problems Problems) {
	if problems := unfit(file); problems != nil {
		return nil, problems
	}
	defer func() {
		if e := recover(); e != nil {
			tree, problems = nil, oddity(1, fmt.Sprintf("the YAML reader gave up: %v", e), "look for something unusual")
		}
	}()
	tree, err := parser.ParseBytes(file, 0)
	if err != nil {
		return nil, syntaxProblem(err)
	}
	return tree, nil
}
