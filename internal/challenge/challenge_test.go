package challenge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stockade-nvr/stockade/internal/challenge"
)

// TestDigestAsTheStandardHasIt: the examples of RFC 7616, 3.9.1.
func TestDigestAsTheStandardHasIt(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := challenge.Read([]string{`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`})
		got := c[0].Digest("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
		if !strings.Contains(got, `response="`+want+`"`) || !strings.Contains(got, "nc=00000001") {
			t.Error(algorithm, got)
		}
	}
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    string // scheme and realm of each
		best    string
	}{
		"basic":                {[]string{`Basic realm="cam"`}, "basic:cam", "basic"},
		"two in one header":    {[]string{`Basic realm="a, b", Digest realm="c", nonce="n", qop="auth"`}, "basic:a, b digest:c", "digest"},
		"two headers":          {[]string{`Digest realm=x,nonce=n`, `Basic realm="y"`}, "digest:x basic:y", "digest"},
		"quotes escaped":       {[]string{`Basic realm="a\"b"`}, `basic:a"b`, "basic"},
		"unknown":              {[]string{`Negotiate`, `Bearer realm="z"`}, "negotiate: bearer:z", ""},
		"only auth-int":        {[]string{`Digest realm="c", nonce="n", qop="auth-int"`}, "digest:c", ""},
		"unknown algorithm":    {[]string{`Digest realm="c", nonce="n", algorithm=SHA-512-256`}, "digest:c", ""},
		"without a nonce":      {[]string{`Digest realm="c"`}, "digest:c", ""},
		"unclosed quote":       {[]string{`Digest realm="c`}, "digest:c", ""},
		"nothing":              {[]string{"", " , ", "=", `"`}, "", ""},
		"a longer list than 8": {[]string{strings.Repeat("Basic realm=x, ", 50)}, strings.TrimSuffix(strings.Repeat("basic:x ", 8), " "), "basic"},
	} {
		t.Run(name, func(t *testing.T) {
			all := challenge.Read(c.headers)
			var got []string
			for _, one := range all {
				got = append(got, one.Scheme+":"+one.Params["realm"])
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("read %q, want %q", s, c.want)
			}
			best := ""
			if b := challenge.Best(all); b != nil {
				best = b.Scheme
			}
			if best != c.best {
				t.Errorf("chose %q, want %q", best, c.best)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`Basic realm="a, b", Digest realm="c", nonce="n", qop="auth"`)
	f.Add(`Digest realm="\"`)
	f.Add("=,=\"")
	f.Fuzz(func(t *testing.T, header string) {
		all := challenge.Read([]string{header})
		if len(all) > challenge.Max {
			t.Fatal(len(all))
		}
		for i := range all {
			if challenge.Best(all[i:i+1]) == nil || all[i].Scheme != "digest" {
				continue
			}
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header.Set("Authorization", all[i].Digest("u", "p", "GET", "/", "c", 1))
			if strings.ContainsAny(r.Header.Get("Authorization"), "\r\n\x00") {
				t.Fatalf("%q", r.Header)
			}
		}
	})
}
