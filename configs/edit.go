package configs

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// ErrEdit says that a part of the file is written in a way that only a person
// can change without changing more.
var ErrEdit = errors.New("the devices are written in a way that is not edited here: change the site file by hand")

// ErrNoDevice says that there is no such device.
var ErrNoDevice = errors.New("there is no such device")

// AddDevices gives a site file with more devices: id, IP, MAC and, where given, port of each. Bytes
// are put in where the list of devices ends; every other byte stays. The result
// is read again: it says what the file said, and the new devices behind the old.
// An error is a Problems where that would not be valid, such as an address that
// stands twice.
func AddDevices(file []byte, add []Device) ([]byte, error) {
	old, err := Parse(file)
	if err != nil {
		return nil, err
	}
	if len(add) == 0 {
		return file, nil
	}
	e, err := newEditor(file)
	if err != nil {
		return nil, err
	}
	changed, err := e.add(add)
	if err != nil {
		return nil, err
	}
	want := *old
	want.Devices = append(slices.Clone(old.Devices), add...)
	return changed, says(changed, want)
}

// RemoveDevice gives a site file without a device, as AddDevices does. A device
// that a camera names cannot go: the error is a Problems.
func RemoveDevice(file []byte, id string) ([]byte, error) {
	old, err := Parse(file)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(old.Devices, func(d Device) bool { return d.ID == id })
	if i < 0 {
		return nil, ErrNoDevice
	}
	e, err := newEditor(file)
	if err != nil {
		return nil, err
	}
	changed, err := e.remove(i)
	if err != nil {
		return nil, err
	}
	want := *old
	want.Devices = slices.Delete(slices.Clone(old.Devices), i, i+1)
	return changed, says(changed, want)
}

// says checks that a file means what is wanted.
func says(file []byte, want Site) error {
	got, err := Parse(file)
	if err != nil {
		return err
	}
	plain := func(s Site) Site {
		s.Revision, s.positions = "", nil
		if len(s.Devices) == 0 {
			s.Devices = nil
		}
		return s
	}
	if !reflect.DeepEqual(plain(*got), plain(want)) {
		return ErrEdit
	}
	return nil
}

// editor knows where the devices of a file stand.
type editor struct {
	lines [][]byte // with their ends
	eol   string
	key   *token.Token      // devices; nil where the file has none
	value ast.Node          // of it
	list  *ast.SequenceNode // of it, if it is one
	below int               // the line, from 0, at which the next key of the file stands, or its end
}

func newEditor(file []byte) (*editor, error) {
	// The library miscounts lines that end as Windows has it; a blank in place of
	// the one byte moves nothing.
	tree, problems := syntaxTree(bytes.ReplaceAll(file, []byte("\r\n"), []byte(" \n")))
	if problems != nil {
		return nil, problems
	}
	e := &editor{lines: bytes.SplitAfter(file, []byte("\n")), eol: "\n"}
	if bytes.Contains(file, []byte("\r\n")) {
		e.eol = "\r\n"
	}
	e.below = len(e.lines)
	var pairs []*ast.MappingValueNode
	switch m := tree.Docs[0].Body.(type) {
	case *ast.MappingNode:
		if m.IsFlowStyle {
			return nil, ErrEdit
		}
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	}
	for _, p := range pairs {
		at := p.Key.GetToken()
		switch {
		case at.Value == "devices":
			e.key, e.value = at, p.Value
			e.list, _ = p.Value.(*ast.SequenceNode)
		case e.key != nil && at.Position.Line-1 < e.below:
			e.below = at.Position.Line - 1
		}
	}
	if e.key != nil && (e.key.Position.Line < 1 || e.key.Position.Line > len(e.lines)) {
		return nil, ErrEdit
	}
	return e, nil
}

func (e *editor) add(devices []Device) ([]byte, error) {
	switch {
	case e.key == nil:
		return e.insert(len(e.lines), append([]string{"devices:"}, blockItems(devices, "  ")...)), nil
	case e.list == nil: // nothing behind the colon
		return e.insert(e.key.Position.Line, blockItems(devices, "  ")), nil
	case !e.list.IsFlowStyle:
		last, err := e.lastLine(len(e.list.Values) - 1)
		if err != nil {
			return nil, err
		}
		return e.insert(last+1, blockItems(devices, strings.Repeat(" ", e.list.Start.Position.Column-1))), nil
	case len(e.list.Values) == 0:
		from, to, err := e.brackets()
		if err != nil {
			return nil, err
		}
		line := e.list.Start.Position.Line
		if line != e.list.End.Position.Line || line != e.key.Position.Line {
			return nil, ErrEdit
		}
		text := bytes.Join(e.lines, nil)
		e.lines = bytes.SplitAfter(slices.Delete(text, from, to+1), []byte("\n"))
		return e.insert(line, blockItems(devices, "  ")), nil
	}
	_, to, err := e.brackets()
	if err != nil {
		return nil, err
	}
	text := bytes.Join(e.lines, nil)
	var added []byte
	for i, d := range devices {
		if i > 0 || !bytes.HasSuffix(bytes.TrimRight(text[:to], " \t\r\n"), []byte(",")) {
			added = append(added, ',')
		}
		added = fmt.Appendf(added, "%s  {id: %s, ip: %s, mac: \"%s\"", e.eol, d.ID, d.IP, d.MAC)
		if d.Port != "" {
			added = fmt.Appendf(added, ", port: %q", d.Port)
		}
		added = append(added, '}')
	}
	return slices.Insert(text, to, added...), nil
}

// blockItems are devices as lines of a list.
func blockItems(devices []Device, indent string) (lines []string) {
	for _, d := range devices {
		lines = append(lines,
			indent+"- id: "+d.ID,
			indent+"  ip: "+d.IP.String(),
			indent+"  mac: \""+d.MAC.String()+"\"") // in quotes: to some readers digits with colons are a number
		if d.Port != "" {
			lines = append(lines, fmt.Sprintf("%s  port: %q", indent, d.Port))
		}
	}
	return lines
}

// insert puts lines before the line of that number, from 0.
func (e *editor) insert(at int, lines []string) []byte {
	at = min(at, len(e.lines))
	text := bytes.Join(e.lines[:at], nil)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, e.eol...)
	}
	for _, l := range lines {
		text = append(text, l+e.eol...)
	}
	return append(text, bytes.Join(e.lines[at:], nil)...)
}

func (e *editor) remove(i int) ([]byte, error) {
	if e.list == nil || i >= len(e.list.Values) {
		return nil, ErrEdit
	}
	if e.list.IsFlowStyle {
		return e.removeFlow(i)
	}
	first, err := e.firstLine(i)
	if err != nil {
		return nil, err
	}
	last, err := e.lastLine(i)
	if err != nil {
		return nil, err
	}
	if len(e.list.Values) == 1 {
		l := e.key.Position.Line - 1
		colon := bytes.IndexByte(e.lines[l], ':')
		if colon < 0 || l >= first {
			return nil, ErrEdit
		}
		e.lines[l] = slices.Insert(slices.Clone(e.lines[l]), colon+1, []byte(" []")...)
	}
	return bytes.Join(slices.Delete(e.lines, first, last+1), nil), nil
}

// removeFlow takes an item and one comma out of a list in brackets.
func (e *editor) removeFlow(i int) ([]byte, error) {
	m, ok := e.list.Values[i].(*ast.MappingNode)
	if !ok || m.Start == nil || m.End == nil {
		return nil, ErrEdit
	}
	from, ok1 := e.offset(m.Start)
	to, ok2 := e.offset(m.End)
	text := bytes.Join(e.lines, nil)
	if !ok1 || !ok2 || to < from || to >= len(text) {
		return nil, ErrEdit
	}
	to++
	rest := bytes.TrimLeft(text[to:], " \t\r\n")
	if len(rest) > 0 && rest[0] == ',' {
		to = len(text) - len(bytes.TrimLeft(rest[1:], " \t"))
	} else if before := bytes.TrimRight(text[:from], " \t\r\n"); len(before) > 0 && before[len(before)-1] == ',' {
		from = len(before) - 1
	}
	return slices.Delete(text, from, to), nil
}

// brackets are where a list in brackets begins and ends, as offsets of bytes.
func (e *editor) brackets() (from, to int, err error) {
	if e.list.Start == nil || e.list.End == nil {
		return 0, 0, ErrEdit
	}
	from, ok1 := e.offset(e.list.Start)
	to, ok2 := e.offset(e.list.End)
	text := bytes.Join(e.lines, nil)
	if !ok1 || !ok2 || from >= to || to >= len(text) || text[from] != '[' || text[to] != ']' {
		return 0, 0, ErrEdit
	}
	return from, to, nil
}

// offset gives where a token begins, in bytes: the library counts characters.
func (e *editor) offset(t *token.Token) (int, bool) {
	line, column := t.Position.Line-1, t.Position.Column-1
	if line < 0 || line >= len(e.lines) || column < 0 {
		return 0, false
	}
	at := 0
	for _, l := range e.lines[:line] {
		at += len(l)
	}
	n := 0
	for i := range string(e.lines[line]) {
		if n == column {
			return at + i, true
		}
		n++
	}
	return 0, false
}

// firstLine is where an item of a list of lines begins, from 0: at its hyphen.
func (e *editor) firstLine(i int) (int, error) {
	first, _ := span(e.list.Values[i])
	for l := first; l > e.key.Position.Line-1 && l >= first-1; l-- {
		if bytes.HasPrefix(bytes.TrimLeft(e.lines[l], " "), []byte("-")) {
			return l, nil
		}
	}
	return 0, ErrEdit
}

// lastLine is where an item ends. What follows its last token is its own as
// long as it is neither blank, nor a comment, nor somebody else's.
func (e *editor) lastLine(i int) (int, error) {
	if i < 0 {
		return 0, ErrEdit
	}
	_, last := span(e.list.Values[i])
	end := e.below
	if i+1 < len(e.list.Values) {
		next, err := e.firstLine(i + 1)
		if err != nil {
			return 0, err
		}
		end = next
	}
	for last+1 < end {
		l := bytes.TrimSpace(e.lines[last+1])
		if len(l) == 0 || l[0] == '#' || bytes.HasPrefix(l, []byte("---")) || bytes.HasPrefix(l, []byte("...")) {
			break
		}
		last++
	}
	if last >= end || last >= len(e.lines) {
		return 0, ErrEdit
	}
	return last, nil
}

// span gives the first and the last line, from 0, that a token of a value stands on.
func span(n ast.Node) (first, last int) {
	s := &spanner{first: n.GetToken().Position.Line, last: n.GetToken().Position.Line}
	ast.Walk(s, n)
	return s.first - 1, s.last - 1
}

type spanner struct{ first, last int }

// Visit widens the span.
func (s *spanner) Visit(n ast.Node) ast.Visitor {
	tokens := []*token.Token{n.GetToken()}
	switch v := n.(type) {
	case *ast.MappingNode:
		tokens = append(tokens, v.Start, v.End)
	case *ast.SequenceNode:
		tokens = append(tokens, v.Start, v.End)
	}
	for _, t := range tokens {
		if t != nil && t.Position != nil {
			s.first, s.last = min(s.first, t.Position.Line), max(s.last, t.Position.Line)
		}
	}
	return s
}
