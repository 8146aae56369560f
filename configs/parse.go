package configs

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // a site's zone must be known on the smallest of systems

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Revision names a version of the file by its bytes.
func Revision(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:6])
}

// Parse reads a site file. An error is a Problems: all of them, in order of place.
func Parse(file []byte) (*Site, error) {
	tree, problems := syntaxTree(file)
	if problems != nil {
		return nil, problems
	}
	d := &decoder{positions: map[string]Position{}}
	s := &Site{Revision: Revision(file), Zone: time.UTC, Language: "en"}
	s.Listen.HTTP = netip.MustParseAddrPort("127.0.0.1:8080")
	s.Storage.Segment, s.Storage.Durability = 5*time.Minute, time.Second
	s.Accounts = Accounts{Idle: 30 * time.Minute, Session: 24 * time.Hour, ConfirmWithin: 15 * time.Minute}
	var body ast.Node
	if len(tree.Docs) > 0 {
		body = tree.Docs[0].Body
	}
	switch {
	case body == nil:
		d.problem("", "the file says nothing", "start from: nvr config init")
	case len(tree.Docs) > 1:
		d.problem("", "the file has more than one document", "remove the --- line and what follows it")
	default:
		d.site(s, body)
		d.validate(s)
	}
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, d.problems
	}
	s.positions = d.positions
	return s, nil
}

// syntaxProblem places an error of the YAML reader.
func syntaxProblem(err error) Problems {
	p := Problem{Position: Position{1, 1}, Message: err.Error(), Fix: "check indentation, colons and quotes here"}
	if e := yaml.Error(nil); errors.As(err, &e) {
		p.Position, p.Message = position(e.GetToken()), e.GetMessage()
	}
	return Problems{p}
}

// site decodes the whole file.
func (d *decoder) site(s *Site, n ast.Node) {
	var containment string
	d.mapping("", n,
		parsed(d, "version", new(int), func(v string) (int, error) {
			if v != "1" {
				return 0, errors.New("this program reads version 1")
			}
			return 1, nil
		}, "write version: 1"),
		field{"site", func(path string, n ast.Node) {
			d.mapping(path, n, text(d, "name", &s.Name),
				parsed(d, "zone", &s.Zone, time.LoadLocation, "write an IANA name such as Asia/Seoul"),
				oneOf(d, "language", &s.Language, "en", "ko"))
		}},
		field{"listen", func(path string, n ast.Node) {
			const fix = "write ADDRESS:PORT such as 127.0.0.1:8080"
			d.mapping(path, n, parsed(d, "http", &s.Listen.HTTP, netip.ParseAddrPort, fix),
				d.texts("names", &s.Listen.Names),
				parsed(d, "webrtc", &s.Listen.WebRTC, netip.ParseAddrPort, fix),
				parsed(d, "tunnel", &s.Listen.Tunnel, netip.ParseAddrPort, fix))
		}},
		field{"tls", func(path string, n ast.Node) {
			d.mapping(path, n, text(d, "certificate_file", &s.TLS.CertificateFile), text(d, "key_file", &s.TLS.KeyFile))
		}},
		field{"accounts", func(path string, n ast.Node) { d.accounts(path, n, &s.Accounts) }},
		field{"time", func(path string, n ast.Node) {
			d.mapping(path, n, d.texts("servers", &s.TimeServers))
		}},
		field{"storage", func(path string, n ast.Node) { d.storage(path, n, &s.Storage) }},
		oneOf(d, "containment", &containment, "enforce", "observe"),
		field{"camera_network", func(path string, n ast.Node) { d.network(path, n, &s.CameraNetwork) }},
		field{"owners", func(path string, n ast.Node) {
			d.mapping(path, n, text(d, "country", &s.Owners.Country), text(d, "network", &s.Owners.Network))
		}},
		field{"devices", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) { s.Devices = append(s.Devices, d.device(path, n)) })
		}},
		field{"cameras", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) { s.Cameras = append(s.Cameras, d.camera(path, n)) })
		}},
		field{"outputs", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) { s.Outputs = append(s.Outputs, d.output(path, n)) })
		}},
	)
	if _, ok := d.positions["version"]; !ok {
		d.problem("version", "the file does not say its version", "write version: 1 at its beginning")
	}
	s.Observe = containment == "observe"
}

// texts decodes a list of strings.
func (d *decoder) texts(key string, into *[]string) field {
	return field{key, func(path string, n ast.Node) {
		d.list(path, n, func(path string, n ast.Node) {
			v, _ := d.scalar(path, n) // the problem is noted; an empty item keeps the others' numbers
			*into = append(*into, v)
		})
	}}
}

const durationFix = "write a number and its unit, such as 30d, 12h, 5m or 1s"

func (d *decoder) storage(path string, n ast.Node, s *Storage) {
	d.mapping(path, n,
		text(d, "state", &s.State),
		field{"volumes", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) {
				var v Volume
				d.mapping(path, n, text(d, "path", &v.Path),
					parsed(d, "reserve", &v.Reserve, parseSize, "write a whole number and its unit, such as 5GiB"))
				s.Volumes = append(s.Volumes, v)
			})
		}},
		parsed(d, "segment", &s.Segment, parseDuration, durationFix),
		parsed(d, "durability", &s.Durability, parseDuration, durationFix),
		d.retention(&s.Keep),
	)
}

func (d *decoder) retention(keep *time.Duration) field {
	return field{"retention", func(path string, n ast.Node) {
		d.mapping(path, n, parsed(d, "keep", keep, parseDuration, durationFix))
	}}
}

func (d *decoder) network(path string, n ast.Node, c *CameraNetwork) {
	var one string
	d.mapping(path, n,
		d.texts("ports", &c.Ports),
		text(d, "interface", &one),
		field{"addresses", func(path string, n ast.Node) {
			d.list(path, n, func(path string, n ast.Node) {
				var p netip.Prefix
				parsed(d, "", &p, netip.ParsePrefix, "write ADDRESS/BITS such as 10.20.0.1/16").decode(path, n)
				c.Addresses = append(c.Addresses, p)
			})
		}},
		flag(d, "dhcp", &c.DHCP), flag(d, "dns", &c.DNS), flag(d, "ntp", &c.NTP),
	)
	if one != "" {
		if len(c.Ports) > 0 {
			d.problem(path+".interface", "both ports and interface are given", "keep one of them")
		}
		c.Ports = []string{one}
	}
}

func (d *decoder) device(path string, n ast.Node) (v Device) {
	d.mapping(path, n,
		text(d, "id", &v.ID),
		parsed(d, "ip", &v.IP, netip.ParseAddr, "write the camera's IPv4 address, such as 10.20.1.11"),
		parsed(d, "mac", &v.MAC, net.ParseMAC, "write six pairs of hexadecimal digits, such as 02:00:00:00:00:11"),
		text(d, "port", &v.Port),
		text(d, "username", &v.Username),
		text(d, "password_file", &v.PasswordFile),
		field{"declared", func(path string, n ast.Node) {
			d.mapping(path, n, text(d, "maker", &v.Declared.Maker), text(d, "model", &v.Declared.Model), text(d, "country", &v.Declared.Country))
		}},
	)
	return v
}

func (d *decoder) camera(path string, n ast.Node) Camera {
	v := Camera{Transport: "tcp"}
	var keep time.Duration
	d.mapping(path, n,
		text(d, "id", &v.ID),
		text(d, "name", &v.Name),
		text(d, "device", &v.Device),
		field{"streams", func(path string, n ast.Node) {
			d.mapping(path, n, d.stream("main", "always", &v.Main), d.stream("sub", "never", &v.Sub))
		}},
		oneOf(d, "transport", &v.Transport, "tcp", "udp"),
		d.texts("groups", &v.Groups),
		d.retention(&keep),
	)
	if _, given := d.positions[path+".retention.keep"]; given {
		v.Keep = &keep
	}
	return v
}

// stream decodes one stream; the URL of a path is completed by validate, which knows the device.
func (d *decoder) stream(key, record string, into **Stream) field {
	return field{key, func(path string, n ast.Node) {
		s := &Stream{}
		var file string
		d.mapping(path, n, text(d, "path", &file), text(d, "url", &s.URL),
			parsed(d, "record", &record, func(v string) (string, error) {
				if v != "always" && v != "never" {
					return "", errors.New("weekly schedules are not supported yet")
				}
				return v, nil
			}, "write always or never"))
		s.Record = record == "always"
		switch {
		case file != "" && s.URL != "":
			d.problem(path+".url", "both path and url are given", "keep one of them")
		case file == "" && s.URL == "":
			d.problem(path, "the stream has neither path nor url", "write path: /Streaming/Channels/101 or whatever the camera's maker says")
		case file != "" && file[0] != '/':
			d.problem(path+".path", strconv.Quote(file)+" does not begin with a slash", "write /"+file)
		case file != "":
			s.URL = file
		}
		*into = s
	}}
}
