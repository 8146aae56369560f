package ui_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/ui"
)

// document is openapi.json as far as the tests read it.
type document struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]map[string]any `json:"schemas"`
	} `json:"components"`
}

// operation is one of its operations.
type operation struct {
	Access     string `json:"x-access"`
	Parameters []struct{ Name, In string }
	Body       struct {
		Required bool `json:"required"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]struct {
			Schema map[string]any `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

// operations gives the document's operations by "METHOD /path".
func operations(t *testing.T) (map[string]operation, document) {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string]operation{}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "servers" {
				continue
			}
			var o operation
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(path, method, err)
			}
			all[strings.ToUpper(method)+" "+path] = o
		}
	}
	return all, doc
}

// example gives a value for each parameter.
func example(name string) string {
	from := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	known := map[string]string{
		"camera": "gate", "stream": "main", "from": from, "to": time.Now().UTC().Format(time.RFC3339), "at": from,
		"attempt": "a0001", "since": from, "limit": "10", "chatter": "true", "reason": "egress", "format": "json", "by": "reason", "q": "port:443",
	}
	return known[name]
}

// target gives an address with all parameters.
func target(path string, o operation) string {
	query, address := "", "/api/v1"+path
	if path == "/ca.crt" {
		address = path
	}
	for _, p := range o.Parameters {
		v := example(p.Name)
		switch {
		case p.In == "path" && v == "":
			v = "unknown" // of what only a test that makes it knows the id
			fallthrough
		case p.In == "path":
			address = strings.Replace(address, "{"+p.Name+"}", v, 1)
		case v != "":
			query += "&" + p.Name + "=" + v
		}
	}
	if query != "" {
		address += "?" + query[1:]
	}
	return address
}

func TestDocumentAndRoutesAgree(t *testing.T) {
	described, _ := operations(t)
	handled := map[string]string{}
	for _, o := range ui.New(smallSite().options()).Operations() {
		handled[o.Method+" "+o.Path] = o.Access
	}
	for name, access := range handled {
		if o, ok := described[name]; !ok || o.Access != access {
			t.Errorf("%s is for %s, described as for %q", name, access, o.Access)
		}
	}
	for name, o := range described {
		if _, ok := handled[name]; !ok {
			t.Errorf("%s is described and not handled", name)
		}
		method, path, _ := strings.Cut(name, " ")
		if (method == "POST" || method == "PUT") != o.Body.Required && method != "DELETE" {
			t.Errorf("%s: body %v", name, o.Body.Required)
		}
		var inPath []string
		for _, p := range o.Parameters {
			if p.In == "path" {
				inPath = append(inPath, "{"+p.Name+"}")
			}
		}
		for part := range strings.SplitSeq(path, "/") {
			if strings.HasPrefix(part, "{") && !slices.Contains(inPath, part) {
				t.Errorf("%s: %s is not described", name, part)
			}
		}
	}
}

// TestDocumentAndAnswersAgree asks each reading operation as an admin: it is
// answered, with a JSON object that has no field the document lacks, and it
// knows the parameters that are described, and no other.
func TestDocumentAndAnswersAgree(t *testing.T) {
	s := smallSite()
	s.block(phone(1, "North gate", "cloud.example", "198.18.0.5", "TCP", 443, "egress", "L3", "raw-egress"))
	site := s.withAccounts(t)
	admin := site.signIn(t, "admin")
	all, doc := operations(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		method, path, _ := strings.Cut(name, " ")
		o := all[name]
		if method != "GET" || strings.HasPrefix(path, "/sso/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			knowsParameters(t, site, admin, path, o)
			if strings.HasSuffix(path, "stream") || path == "/events" {
				method = "HEAD" // the answer does not end
			}
			where := strings.Replace(target(path, o), "/users/unknown", "/users/"+site.ids["viewer"], 1)
			status, header, body := site.ask(t, admin, method, where, "")
			switch path {
			case "/live/{camera}":
				if status != http.StatusUpgradeRequired {
					t.Error("status", status)
				}
				return
			case "/ca.crt":
				if status != http.StatusNotFound {
					t.Error("status", status)
				}
				return
			}
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
			for kind, c := range o.Responses["200"].Content {
				if kind == "text/csv" || kind == "text/html" { // asked for in other words
					continue
				}
				if !strings.HasPrefix(header.Get("Content-Type"), kind) {
					t.Errorf("content type %q, described as %q", header.Get("Content-Type"), kind)
				}
				if kind == "application/json" && path != "/openapi.json" {
					var v any
					if err := json.Unmarshal([]byte(body), &v); err != nil {
						t.Fatal(err)
					}
					compare(t, doc.Components.Schemas, c.Schema, v, path)
				}
			}
		})
	}
}

// knowsParameters asks with one that is unknown: the answer lists the others.
func knowsParameters(t *testing.T, site *accountSite, as *visitor, path string, o operation) {
	t.Helper()
	if path == "/openapi.json" || path == "/ca.crt" {
		return
	}
	where := target(path, o)
	mark := "?"
	if strings.Contains(where, "?") {
		mark = "&"
	}
	status, _, body := site.ask(t, as, "GET", where+mark+"zz=1", "")
	if status != http.StatusBadRequest {
		t.Errorf("an unknown parameter gives status %d: %s", status, body)
		return
	}
	var p ui.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	list, ok := strings.CutPrefix(p.Fix, "known here: ")
	if !ok {
		t.Fatalf("%q", p.Fix)
	}
	known := slices.DeleteFunc(strings.Split(list, ", "), func(s string) bool { return s == "none" })
	var described []string
	for _, p := range o.Parameters {
		if p.In == "query" {
			described = append(described, p.Name)
		}
	}
	slices.Sort(known)
	slices.Sort(described)
	if !slices.Equal(known, described) {
		t.Errorf("knows %v, described %v", known, described)
	}
}

// compare checks that a value has no field that its schema lacks.
func compare(t *testing.T, all map[string]map[string]any, schema map[string]any, v any, at string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = all[ref[strings.LastIndex(ref, "/")+1:]]
	}
	switch v := v.(type) {
	case map[string]any:
		fields, _ := schema["properties"].(map[string]any)
		if fields == nil && schema["type"] == nil {
			return // anything
		}
		for name, x := range v {
			f, ok := fields[name].(map[string]any)
			if !ok {
				t.Errorf("%s.%s is not described", at, name)
				continue
			}
			compare(t, all, f, x, at+"."+name)
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for _, x := range v {
			compare(t, all, items, x, at+"[]")
		}
	}
}
