package sso_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// campLogin is an OpenID Connect provider: the protocol is the library's, what
// it knows is the test's.
type campLogin struct {
	*httptest.Server
	house *house
	// before answers in the provider's place, or calls next; nil: it does not.
	before atomic.Pointer[func(w http.ResponseWriter, r *http.Request, next http.Handler)]
}

// instead sets what answers in the provider's place.
func (c *campLogin) instead(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	c.before.Store(&f)
}

// startCamp runs a provider. With prepare the test changes what it knows first.
func startCamp(t *testing.T, prepare func(*house)) *campLogin {
	t.Helper()
	c := &campLogin{Server: httptest.NewUnstartedServer(nil), house: newHouse()}
	if prepare != nil {
		prepare(c.house)
	}
	config := &op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: c.house.method == oidc.AuthMethodPost, SupportedScopes: []string{"openid", "profile", "groups"}}
	provider, err := op.NewProvider(config, c.house, op.StaticIssuer("https://"+c.Listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<form method=post><input name=id value=%q><input name=password>`, r.FormValue("id"))
	})
	back := op.AuthCallbackURL(provider)
	mux.Handle("POST /login", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("password") != "camp" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		c.house.approve(r.FormValue("id"))
		http.Redirect(w, r, back(r.Context(), r.FormValue("id")), http.StatusSeeOther)
	}))
	c.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := c.before.Load(); f != nil {
			(*f)(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *campLogin) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
}

// house is the provider's storage. What the protocol library asks for beyond the
// methods here would be a nil dereference, and is not asked for in this flow.
type house struct {
	op.Storage

	// What the test decides, before the provider runs.
	subject    string
	groups     []string
	inUserInfo bool   // profile and groups not in the ID token
	infoOf     string // put before the subject of the user info
	nonce      string
	lifetime   time.Duration // of the ID token
	method     oidc.AuthMethod

	mu       sync.Mutex // guards what follows
	key      *ecdsa.PrivateKey
	keyID    string
	requests map[string]*signIn
	codes    map[string]string // to the request
	back     []string          // redirect URLs, as registered
}

func newHouse() *house {
	h := &house{
		subject: "u-17", groups: []string{"staff", "guards"}, lifetime: time.Hour, method: oidc.AuthMethodBasic,
		requests: map[string]*signIn{}, codes: map[string]string{},
	}
	h.newKey()
	return h
}

// newKey changes the key that tokens are signed with.
func (h *house) newKey() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key, h.keyID = key, rand.Text()
}

// signIn is a request to sign in.
type signIn struct {
	*oidc.AuthRequest
	house *house
	id    string
	done  bool
}

func (s *signIn) GetID() string                      { return s.id }
func (s *signIn) GetACR() string                     { return "" }
func (s *signIn) GetAMR() []string                   { return []string{"pwd"} }
func (s *signIn) GetAudience() []string              { return []string{s.ClientID} }
func (s *signIn) GetAuthTime() time.Time             { return time.Now() }
func (s *signIn) GetClientID() string                { return s.ClientID }
func (s *signIn) GetResponseMode() oidc.ResponseMode { return s.ResponseMode }
func (s *signIn) GetScopes() []string                { return s.Scopes }
func (s *signIn) GetSubject() string                 { return s.house.subject }
func (s *signIn) Done() bool                         { return s.done }
func (s *signIn) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: s.CodeChallenge, Method: s.CodeChallengeMethod}
}

func (s *signIn) GetNonce() string {
	if s.house.nonce != "" {
		return s.house.nonce
	}
	return s.Nonce
}

func (h *house) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &signIn{AuthRequest: r, house: h, id: rand.Text()}
	h.requests[s.id] = s
	return s, nil
}

func (h *house) approve(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.requests[id]; s != nil {
		s.done = true
	}
}

var errUnknown = errors.New("unknown")

func (h *house) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.requests[id]; s != nil {
		return s, nil
	}
	return nil, errUnknown
}

func (h *house) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	h.mu.Lock()
	id := h.codes[code]
	h.mu.Unlock()
	return h.AuthRequestByID(ctx, id)
}

func (h *house) SaveAuthCode(_ context.Context, id, code string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.codes[code] = id
	return nil
}

func (h *house) DeleteAuthRequest(_ context.Context, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.requests, id)
	return nil
}

func (h *house) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(time.Hour), nil
}

func (h *house) SigningKey(context.Context) (op.SigningKey, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return signingKey{h.key, h.keyID}, nil
}

func (h *house) KeySet(context.Context) ([]op.Key, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return []op.Key{publicKey{signingKey{h.key, h.keyID}}}, nil
}

func (h *house) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (h *house) Health(context.Context) error { return nil }

func (h *house) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != "nvr" {
		return nil, errUnknown
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return client{h, h.back}, nil
}

func (h *house) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != "nvr" || secret != "camp secret/+" {
		return errUnknown
	}
	return nil
}

func (h *house) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (h *house) SetUserinfoFromRequest(_ context.Context, u *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	u.Subject = r.GetSubject()
	if !h.inUserInfo {
		h.describe(u)
	}
	return nil
}

func (h *house) SetUserinfoFromToken(_ context.Context, u *oidc.UserInfo, _, subject, _ string) error {
	u.Subject = h.infoOf + subject
	h.describe(u)
	return nil
}

func (h *house) describe(u *oidc.UserInfo) {
	u.PreferredUsername, u.Name = "min", "Min\u202e \tSeo-yeon\n"
	u.AppendClaims("realm", map[string]any{"roles": h.groups})
}

type signingKey struct {
	key *ecdsa.PrivateKey
	id  string
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) ID() string                                  { return k.id }

type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.key.Public() }

// client is the recorder, as the provider knows it.
type client struct {
	house *house
	back  []string
}

func (c client) GetID() string                       { return "nvr" }
func (c client) RedirectURIs() []string              { return c.back }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod         { return c.house.method }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType         { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c client) LoginURL(id string) string            { return "/login?id=" + id }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (c client) IDTokenLifetime() time.Duration       { return c.house.lifetime }
func (c client) DevMode() bool                        { return false }
func (c client) IsScopeAllowed(scope string) bool     { return scope == "groups" }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return !c.house.inUserInfo }
func (c client) ClockSkew() time.Duration             { return 0 }

//nolint:revive // the interface spells it so
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return same }
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return same }

func same(scopes []string) []string { return scopes }
