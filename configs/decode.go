package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder walks the YAML tree, notes where each value stands and collects
// everything that is wrong. A value with a problem stays at its zero.
type decoder struct {
	positions map[string]Position
	problems  Problems
}

func position(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{1, 1}
	}
	return Position{t.Position.Line, t.Position.Column}
}

// problem notes that the value at a path is wrong.
func (d *decoder) problem(path, message, fix string) {
	at, ok := d.positions[path]
	for parent := path; !ok; {
		cut := strings.LastIndexAny(parent, ".[")
		if cut < 0 {
			at = Position{1, 1}
			break
		}
		parent = parent[:cut]
		at, ok = d.positions[parent]
	}
	d.problems = append(d.problems, Problem{Position: at, Path: path, Message: message, Fix: fix})
}

// field decodes one key of a mapping.
type field struct {
	key    string
	decode func(path string, n ast.Node)
}

// mapping decodes the keys of a mapping; an unknown one and a second one of the
// same name are problems.
func (d *decoder) mapping(path string, n ast.Node, fields ...field) {
	if _, known := d.positions[path]; !known {
		d.positions[path] = position(n.GetToken())
	}
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	case *ast.NullNode:
		return
	default:
		d.problem(path, "this is not a mapping", "write key: value lines below it")
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		at := join(path, key)
		// The key's place comes first, so that a missing or empty value is found.
		d.positions[at] = position(pair.Key.GetToken())
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		switch {
		case i < 0:
			d.problem(at, "unknown key", suggest(key, fields))
		case seen[key]:
			d.problem(at, "this key stands here twice", "keep one of them")
		default:
			seen[key] = true
			fields[i].decode(at, pair.Value)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// suggest names the known key that is nearest to what was written.
func suggest(key string, fields []field) string {
	best, least := "", 3
	known := make([]string, 0, len(fields))
	for _, f := range fields {
		known = append(known, f.key)
		if n := distance(key, f.key); n < least {
			best, least = f.key, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// list decodes each item of a sequence.
func (d *decoder) list(path string, n ast.Node, item func(path string, n ast.Node)) {
	if n.Type() == ast.NullType {
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.problem(path, "this is not a list", "write - item lines below it, or [item, item]")
		return
	}
	for i, v := range s.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.positions[at] = position(v.GetToken())
		item(at, v)
	}
}

// scalar gives the text of a plain or quoted value.
func (d *decoder) scalar(path string, n ast.Node) (string, bool) {
	d.positions[path] = position(n.GetToken())
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		d.problem(path, "the value is missing", "write it behind the colon, or remove the key")
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.problem(path, "anchors, aliases and tags are not understood here", "write the value itself")
	default:
		d.problem(path, "this is not a single value", "write one value behind the colon")
	}
	return "", false
}

// text decodes a string.
func text(d *decoder, key string, into *string) field {
	return parsed(d, key, into, func(s string) (string, error) { return s, nil }, "")
}

// flag decodes true or false.
func flag(d *decoder, key string, into *bool) field {
	return parsed(d, key, into, strconv.ParseBool, "write true or false")
}

// parsed decodes a value by a parser; fix says how to write it.
func parsed[T any](d *decoder, key string, into *T, parse func(string) (T, error), fix string) field {
	return field{key, func(path string, n ast.Node) {
		s, ok := d.scalar(path, n)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			d.problem(path, fmt.Sprintf("%q: %v", s, err), fix)
			return
		}
		*into = v
	}}
}

// oneOf decodes a word out of a few.
func oneOf(d *decoder, key string, into *string, words ...string) field {
	return parsed(d, key, into, func(s string) (string, error) {
		if slices.Contains(words, s) {
			return s, nil
		}
		return "", fmt.Errorf("not known here")
	}, "write "+strings.Join(words, " or "))
}

// words decodes a list of words out of a few.
func words(d *decoder, key string, into *[]string, known ...string) field {
	return field{key, func(path string, n ast.Node) {
		d.list(path, n, func(path string, n ast.Node) {
			var word string
			oneOf(d, "", &word, known...).decode(path, n)
			*into = append(*into, word)
		})
	}}
}
