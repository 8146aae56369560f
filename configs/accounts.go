package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Accounts says how people sign in. The accounts themselves are in state.db.
type Accounts struct {
	SecondFactor []string      // roles that must have one, each once
	Idle         time.Duration // a session ends when nobody does anything for so long; 30m by default
	Session      time.Duration // and after so long in any case; 24h by default

	// TwoPersons asks for a second admin for what cannot be undone, within
	// ConfirmWithin; 15m by default.
	TwoPersons    bool
	ConfirmWithin time.Duration

	SSO []Provider
}

// Provider is an OpenID Connect provider that people may sign in with.
type Provider struct {
	ID               string // part of the redirect URL
	Name             string // as the button says it; the id by default
	Issuer           string // URL: https, or http on loopback
	ClientID         string
	ClientSecretFile string      // empty: a public client
	GroupsClaim      string      // groups by default; dots lead into objects
	CAFile           string      // PEM; empty: the system's authorities
	Roles            []GroupRole // the first whose group a person has counts; never empty
}

// GroupRole is what members of a provider's group may do. Admins and auditors
// have All and no Rights: theirs come with the role.
type GroupRole struct {
	Group        string
	Role         string   // admin, auditor, operator or viewer
	Rights       []string // live, playback, export, ptz
	All          bool     // all cameras; else Cameras and those in CameraGroups
	Cameras      []string
	CameraGroups []string
}

var (
	roles  = []string{"admin", "auditor", "operator", "viewer"}
	rights = []string{"live", "playback", "export", "ptz"}
)

// grantable is what a role may be given, and is given when the file does not say.
var grantable = map[string]struct{ most, usual []string }{
	"operator": {rights, rights},
	"viewer":   {rights[:2], rights[:1]},
}

func (d *decoder) accounts(path string, n ast.Node, a *Accounts) {
	d.mapping(path, n,
		words(d, "second_factor", &a.SecondFactor, roles...),
		parsed(d, "idle", &a.Idle, parseDuration, durationFix),
		parsed(d, "session", &a.Session, parseDuration, durationFix),
		flag(d, "two_persons", &a.TwoPersons),
		parsed(d, "confirm_within", &a.ConfirmWithin, parseDuration, durationFix),
		field{"sso", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) { a.SSO = append(a.SSO, d.provider(path, n)) })
		}},
	)
}

func (d *decoder) provider(path string, n ast.Node) Provider {
	v := Provider{GroupsClaim: "groups"}
	d.mapping(path, n,
		text(d, "id", &v.ID),
		text(d, "name", &v.Name),
		text(d, "issuer", &v.Issuer),
		text(d, "client_id", &v.ClientID),
		text(d, "client_secret_file", &v.ClientSecretFile),
		text(d, "groups_claim", &v.GroupsClaim),
		text(d, "ca_file", &v.CAFile),
		field{"roles", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) {
				var r GroupRole
				d.mapping(path, n, text(d, "group", &r.Group), oneOf(d, "role", &r.Role, roles...),
					words(d, "rights", &r.Rights, rights...), flag(d, "all", &r.All),
					d.texts("cameras", &r.Cameras), d.texts("camera_groups", &r.CameraGroups))
				v.Roles = append(v.Roles, r)
			})
		}},
	)
	return v
}

func (d *decoder) validateAccounts(s *Site) {
	a := &s.Accounts
	seen := map[string]string{}
	for i, role := range a.SecondFactor {
		d.unique(seen, fmt.Sprintf("accounts.second_factor[%d]", i), role, "role")
	}
	for _, c := range []struct {
		key         string
		is          time.Duration
		least, most time.Duration
		fix         string
	}{
		{"idle", a.Idle, time.Minute, 24 * time.Hour, "write 30m"},
		{"session", a.Session, 5 * time.Minute, 30 * 24 * time.Hour, "write 24h"},
		{"confirm_within", a.ConfirmWithin, time.Minute, 24 * time.Hour, "write 15m"},
	} {
		path := "accounts." + c.key
		if d.has(path) && d.clean(path) && (c.is < c.least || c.is > c.most) {
			d.problem(path, fmt.Sprintf("%s is not between %s and %s", c.is, c.least, c.most), c.fix)
		}
	}
	if a.Idle > a.Session && d.has("accounts.idle") && d.clean("accounts.idle") {
		d.problem("accounts.idle", fmt.Sprintf("%s is longer than a session, %s", a.Idle, a.Session), "write less than accounts.session")
	}
	ids := map[string]string{}
	for i := range a.SSO {
		at := fmt.Sprintf("accounts.sso[%d]", i)
		d.id(ids, at+".id", a.SSO[i].ID)
		d.validateProvider(s, at, &a.SSO[i])
	}
}

func (d *decoder) validateProvider(s *Site, at string, p *Provider) {
	if p.Name == "" {
		p.Name = p.ID
	}
	if p.Issuer == "" && d.clean(at+".issuer") {
		d.problem(at+".issuer", "the provider has no issuer", "write its URL, such as https://login.camp.example/realms/camp")
	} else if p.Issuer != "" {
		d.issuer(s, at+".issuer", p.Issuer)
	}
	if p.ClientID == "" && d.clean(at+".client_id") {
		d.problem(at+".client_id", "the provider does not know us by any name", "register nvr there and write its client id")
	}
	if p.ClientSecretFile != "" {
		d.absolute(at+".client_secret_file", p.ClientSecretFile, "/etc/nvr/secrets/"+p.ID)
	}
	if p.CAFile != "" {
		d.absolute(at+".ca_file", p.CAFile, "/etc/nvr/"+p.ID+".crt")
	}
	if len(p.Roles) == 0 && d.clean(at+".roles") {
		d.problem(at+".roles", "no group has a role, so nobody could sign in", "write roles: [{group: cctv-operators, role: operator, all: true}]")
	}
	groups := map[string]string{}
	for i := range p.Roles {
		d.groupRole(s, fmt.Sprintf("%s.roles[%d]", at, i), groups, &p.Roles[i])
	}
}

// issuer checks the URL of a provider: it is compared with what the provider
// says of itself, letter by letter.
func (d *decoder) issuer(s *Site, path, issuer string) {
	u, err := url.Parse(issuer)
	var ip netip.Addr
	if err == nil {
		ip, _ = netip.ParseAddr(u.Hostname()) // a name stays invalid, and is nowhere
	}
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		d.problem(path, fmt.Sprintf("%q is not the URL of a provider", issuer), "write one such as https://login.camp.example/realms/camp")
	case s.CameraNetwork.has(ip):
		d.problem(path, ip.String()+" is on the camera side, where the recorder dials cameras only", "name a provider on the other side")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.problem(path, "passwords and tokens would go there without encryption", "write https://")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#"):
		d.problem(path, "an issuer is a plain URL, without user, query or fragment", "write it as the provider's discovery document says it")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (d *decoder) groupRole(s *Site, at string, groups map[string]string, r *GroupRole) {
	if r.Group == "" && d.clean(at+".group") {
		d.problem(at+".group", "the group is missing", "write it as the provider sends it")
	}
	d.unique(groups, at+".group", r.Group, "group")
	limited := len(r.Cameras) > 0 || len(r.CameraGroups) > 0
	switch {
	case r.Role == "":
		if d.clean(at + ".role") {
			d.problem(at+".role", "the role is missing", "write "+strings.Join(roles, " or "))
		}
		return
	case r.Role == "admin" || r.Role == "auditor":
		if len(r.Rights) > 0 || limited || d.has(at+".all") && !r.All {
			d.problem(at, "an "+r.Role+" sees all cameras, and has the role's rights", "remove rights, all, cameras and camera_groups, or give another role")
		}
		r.All = true
		return
	case r.All && limited:
		d.problem(at+".all", "both all and certain cameras are given", "keep one of them")
	case !r.All && !limited && d.clean(at+".cameras") && d.clean(at+".camera_groups"):
		d.problem(at, "no camera is given", "write all: true, or list cameras or camera_groups")
	}
	seen := map[string]string{}
	for i, right := range r.Rights {
		path := fmt.Sprintf("%s.rights[%d]", at, i)
		if right != "" && !slices.Contains(grantable[r.Role].most, right) {
			d.problem(path, "a "+r.Role+" cannot have "+right, "keep of "+strings.Join(grantable[r.Role].most, ", "))
		}
		d.unique(seen, path, right, "right")
	}
	switch {
	case len(r.Rights) > 0:
	case d.has(at + ".rights"):
		if d.clean(at + ".rights") {
			d.problem(at+".rights", "no right is given", "list some, or remove the key: then it is "+strings.Join(grantable[r.Role].usual, ", "))
		}
	default:
		r.Rights = slices.Clone(grantable[r.Role].usual)
	}
	d.known(at+".cameras", r.Cameras, "camera", func(c Camera, id string) bool { return c.ID == id }, s)
	d.known(at+".camera_groups", r.CameraGroups, "camera with group", func(c Camera, id string) bool { return slices.Contains(c.Groups, id) }, s)
}

// known checks a list of ids that cameras must have.
func (d *decoder) known(path string, ids []string, what string, has func(Camera, string) bool, s *Site) {
	seen := map[string]string{}
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", path, i)
		if id != "" && !slices.ContainsFunc(s.Cameras, func(c Camera) bool { return has(c, id) }) {
			d.problem(at, fmt.Sprintf("there is no %s %q", what, id), "add it under cameras, or name another")
		}
		d.unique(seen, at, id, "id")
	}
}
