package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stockade-nvr/stockade/ui/audit"
)

// maxChanges bounds what one entry of the audit lists in words of a change.
const maxChanges = 50

// changeOf is what the audit says when another site file comes into force than
// the one of the revision before; nil when it is the same, or the first. old is
// what state.db has of that one. Before and After have the values that differ.
func changeOf(before string, old, site siteText) *audit.Entry {
	if before == "" || before == site.Revision {
		return nil
	}
	e := &audit.Entry{
		Actor: siteFile().Name(), Via: "box", Action: "site.change", Object: "site", Outcome: "ok",
		Detail: "what the file before it said is not known",
	}
	was, is := map[string]string{}, map[string]string{}
	if old.Revision == before {
		e.Detail = strings.Join(changes(old, site), "; ")
		for _, path := range differing(old, site) {
			was[path], is[path] = old.Values[path], site.Values[path]
		}
	}
	e.Before, e.After = valuesText(before, was), valuesText(site.Revision, is)
	return e
}

// valuesText is one side of a change.
func valuesText(revision string, values map[string]string) json.RawMessage {
	all := map[string]string{"revision": revision}
	for path, value := range values {
		if value != "" {
			all[path] = value
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil // but a map of strings always marshals
	}
	return b
}

// differing lists the paths whose values are not the same, in order.
func differing(old, site siteText) (paths []string) {
	for path, value := range old.Values {
		if site.Values[path] != value {
			paths = append(paths, path)
		}
	}
	for path := range site.Values {
		if _, ok := old.Values[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// changes says in words what differs between two site files. What came or went
// as a whole, such as a camera, is said once.
func changes(old, site siteText) (all []string) {
	had, has := old.things(), site.things()
	said := map[string]bool{}
	for _, path := range differing(old, site) {
		thing := thingOf(path)
		switch {
		case thing == "" || had[thing] && has[thing]:
			all = append(all, fmt.Sprintf("%s: %s to %s", path, orUnset(old.Values[path]), orUnset(site.Values[path])))
		case said[thing]:
		case had[thing]:
			all = append(all, thing+" removed")
		default:
			all = append(all, thing+" added")
		}
		said[thing] = true
	}
	if n := len(all); n > maxChanges {
		all = append(all[:maxChanges], fmt.Sprintf("and %d more", n-maxChanges))
	}
	if len(all) == 0 {
		all = []string{"nothing but its wording or order"}
	}
	return all
}

func orUnset(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

// thingOf gives the item of a list that a path belongs to, such as cameras[gate].
func thingOf(path string) string {
	if end := strings.LastIndexByte(path, ']'); end >= 0 {
		return path[:end+1]
	}
	return ""
}

// things are the items of lists that a text has values of.
func (t siteText) things() map[string]bool {
	all := map[string]bool{}
	for path := range maps.Keys(t.Values) {
		all[thingOf(path)] = true
	}
	return all
}
