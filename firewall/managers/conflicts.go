package managers

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Conflict is a line of the system's that gives an interface to a manager which
// cannot be told by a file of ours to leave it alone.
type Conflict struct {
	File string // below the root
	Line int    // counted from 1; 0 for a file that names no interface
	What string
	Fix  string
}

// String says it with the fix.
func (c Conflict) String() string {
	at := "/" + c.File
	if c.Line > 0 {
		at += fmt.Sprintf(":%d", c.Line)
	}
	return fmt.Sprintf("%s: %s; %s", at, c.What, c.Fix)
}

// maxFile bounds how much of a file of the system's is looked at.
const maxFile = 1 << 20

// Conflicts finds what names these interfaces. A file that cannot be read names none.
func Conflicts(root string, interfaces []string) []Conflict {
	var list []Conflict
	for _, source := range []struct {
		patterns []string
		find     func(file, text string, interfaces []string) []Conflict
		signs    []string // paths below the root, any of which says that the manager is there; none: its files do
	}{
		{[]string{"etc/network/interfaces", "etc/network/interfaces.d/*"}, ifupdown, nil},
		{[]string{"etc/netplan/*.yaml", "lib/netplan/*.yaml", "run/netplan/*.yaml"}, netplan, nil},
		// Its program and its file may be there for ifupdown alone.
		{[]string{"etc/dhcpcd.conf"}, dhcpcd, []string{"usr/lib/systemd/system/dhcpcd.service", "lib/systemd/system/dhcpcd.service", "etc/init.d/dhcpcd"}},
		{[]string{"etc/systemd/network/*.network", "run/systemd/network/*.network", "usr/lib/systemd/network/*.network"}, networkd, nil},
	} {
		if len(source.signs) > 0 && !anyThere(root, source.signs) {
			continue
		}
		for _, p := range source.patterns {
			files, err := filepath.Glob(filepath.Join(root, p))
			if err != nil {
				continue
			}
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil || len(text) > maxFile {
					continue
				}
				name, err := filepath.Rel(root, f)
				if err == nil {
					list = append(list, source.find(name, string(text), interfaces)...)
				}
			}
		}
	}
	return list
}

// lines gives the words of each line that is no comment.
func lines(text string) func(func(int, []string) bool) {
	return func(yield func(int, []string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			if f := strings.Fields(line); len(f) > 0 && f[0][0] != '#' && f[0][0] != ';' && !yield(n, f) {
				return
			}
		}
	}
}

// ifupdown reads interfaces(5): auto, allow-... and iface name interfaces.
func ifupdown(file, text string, interfaces []string) (list []Conflict) {
	for n, f := range lines(text) {
		var named []string
		switch {
		case f[0] == "auto" || strings.HasPrefix(f[0], "allow-"):
			named = f[1:]
		case f[0] == "iface" && len(f) > 1:
			named = f[1:2]
		}
		for _, i := range interfaces {
			if matches(named, i) {
				list = append(list, Conflict{file, n, "ifupdown sets up " + i, "take the line out"})
			}
		}
	}
	return list
}

// netplan looks for a key that is the interface's name, and for set-name.
func netplan(file, text string, interfaces []string) (list []Conflict) {
	for n, f := range lines(text) {
		key, value, _ := strings.Cut(strings.Join(f, " "), ":")
		key, value = strings.Trim(key, `"' `), strings.Trim(value, `"' `)
		for _, i := range interfaces {
			if key == i || (key == "set-name" || key == "name") && value == i {
				list = append(list, Conflict{file, n, "netplan sets up " + i, "take it out, and run netplan apply"})
			}
		}
	}
	return list
}

// dhcpcd takes every interface that it is not told to leave (dhcpcd.conf(5)).
func dhcpcd(file, text string, interfaces []string) (list []Conflict) {
	var denied, allowed []string
	limited := false
	for n, f := range lines(text) {
		switch f[0] {
		case "denyinterfaces":
			denied = append(denied, f[1:]...)
		case "allowinterfaces":
			limited, allowed = true, append(allowed, f[1:]...)
		case "interface":
			for _, i := range interfaces {
				if slices.Contains(f[1:], i) {
					list = append(list, Conflict{file, n, "dhcpcd sets up " + i, "take the stanza out, and add the line: denyinterfaces " + i})
				}
			}
		}
	}
	for _, i := range interfaces {
		if !matches(denied, i) && (!limited || matches(allowed, i)) {
			list = append(list, Conflict{file, 0, "dhcpcd takes " + i + " wherever it runs", "add the line: denyinterfaces " + i})
		}
	}
	return list
}

// networkd reads the names that a file matches. One that sorts after ours does not count.
func networkd(file, text string, interfaces []string) (list []Conflict) {
	if path.Base(file) >= ownNetwork {
		return nil
	}
	section := ""
	for n, f := range lines(text) {
		line := strings.Join(f, " ")
		if strings.HasPrefix(line, "[") {
			section = line
		}
		key, value, _ := strings.Cut(line, "=")
		if section != "[Match]" || strings.TrimSpace(key) != "Name" {
			continue
		}
		for _, i := range interfaces {
			if matches(strings.Fields(value), i) {
				list = append(list, Conflict{file, n, "systemd-networkd sets up " + i, "take the name out, or call the file by a name that sorts after " + ownNetwork})
			}
		}
	}
	return list
}

// matches reports whether one of the patterns fits a name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok || err != nil && p == name
	})
}
