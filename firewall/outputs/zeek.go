package outputs

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/stockade-nvr/stockade/firewall/journal"
	"github.com/stockade-nvr/stockade/firewall/nflog"
)

// conn is an attempt in the fields of Zeek's conn.log, and what it has no field for.
type conn struct {
	Path        string   `json:"_path"`
	TS          float64  `json:"ts"` // of the first packet, as there
	UID         string   `json:"uid"`
	OrigH       string   `json:"id.orig_h,omitempty"`
	OrigP       *uint16  `json:"id.orig_p,omitempty"`
	RespH       string   `json:"id.resp_h,omitempty"`
	RespP       *uint16  `json:"id.resp_p,omitempty"`
	Proto       string   `json:"proto"`
	Duration    float64  `json:"duration"`
	State       string   `json:"conn_state"` // S0: tried, no answer
	LocalOrig   bool     `json:"local_orig"`
	OrigPackets uint64   `json:"orig_pkts"`
	OrigBytes   uint64   `json:"orig_ip_bytes"`
	RespPackets uint64   `json:"resp_pkts"`
	OrigL2      string   `json:"orig_l2_addr,omitempty"`
	RespL2      string   `json:"resp_l2_addr,omitempty"`
	Community   string   `json:"community_id,omitempty"`
	Host        string   `json:"host,omitempty"`
	Action      string   `json:"action"`
	Reason      string   `json:"reason"`
	Device      string   `json:"device,omitempty"`
	Cameras     []string `json:"cameras,omitempty"`
	Layer       string   `json:"layer"`
	Rule        string   `json:"rule"`
	Revision    string   `json:"revision"`
	Last        float64  `json:"last"`
	Scan        bool     `json:"scan,omitempty"`
	Rest        bool     `json:"rest,omitempty"`     // stands for ever new sources, or for all that found no row of its own
	Attempts    uint64   `json:"attempts,omitempty"` // that a scan or such a row stands for
}

// query is a question in the fields of Zeek's dns.log.
type query struct {
	Path   string  `json:"_path"`
	TS     float64 `json:"ts"`
	UID    string  `json:"uid"`
	OrigH  string  `json:"id.orig_h,omitempty"`
	RespP  uint16  `json:"id.resp_p"`
	Query  string  `json:"query"`
	Type   uint16  `json:"qtype"`
	Name   string  `json:"qtype_name"`
	Device string  `json:"device,omitempty"`
	Count  uint64  `json:"count"`
	Last   float64 `json:"last"`
}

// said is what has no log of Zeek's.
type said struct {
	Path        string  `json:"_path"`
	TS          float64 `json:"ts"`
	Kind        string  `json:"kind"`
	Containment string  `json:"containment"`
	Message     string  `json:"message,omitempty"`
}

// zeek is the event as a line of JSON. The encoder escapes whatever would end it,
// and puts U+FFFD for what is not UTF-8.
func (e event) zeek() string {
	var v any
	switch {
	case e.attempt != nil:
		v = e.conn()
	case e.question != nil:
		q := e.question
		v = query{
			Path: "dns", TS: seconds(q.First), UID: questionID(q), OrigH: address(q.Asker), RespP: 53,
			Query: q.Name, Type: q.Type, Name: typeName(q.Type), Device: q.Device, Count: q.Count, Last: seconds(q.Last),
		}
	default:
		v = said{"stockade", seconds(e.at), e.kind, e.state, e.text}
	}
	text, err := json.Marshal(v)
	if err != nil { // plain fields always marshal
		panic("outputs: " + err.Error())
	}
	return string(text)
}

// action is what became of an attempt's packets.
func action(a *journal.Attempt) string {
	if a.Reason == nflog.Redirected { // answered by the recorder, in the server's place
		return string(nflog.Redirected)
	}
	return "blocked"
}

func (e event) conn() conn {
	a := e.attempt
	c := conn{
		Path: "conn", TS: seconds(a.First), UID: a.ID, OrigH: address(a.Source), RespH: address(a.Destination),
		Proto: a.ProtocolName, Duration: a.Last.Sub(a.First).Seconds(), State: "OTH", LocalOrig: true,
		OrigPackets: a.Count, OrigBytes: a.Bytes, OrigL2: hardware(a.MAC), RespL2: hardware(a.DestinationMAC),
		Community: e.communityID(), Host: a.Host, Action: action(a), Reason: string(a.Reason), Device: a.Device, Cameras: a.Cameras,
		Layer: a.Layer, Rule: a.Rule, Revision: a.Revision, Last: seconds(a.Last), Scan: a.Scan, Rest: a.Overflow || a.Many,
		Attempts: a.Folded,
	}
	if a.Protocol == tcp || a.Protocol == udp {
		c.State = "S0"
	}
	switch {
	case !a.Destination.IsValid():
	case portful(a.Protocol):
		c.RespP = &a.DestinationPort
		if e.source != 0 {
			c.OrigP = &e.source
		}
	case a.Protocol == icmp4 || a.Protocol == icmp6: // Zeek has type and code there
		kind, code := a.DestinationPort>>8, a.DestinationPort&0xff
		c.OrigP, c.RespP = &kind, &code
	}
	return c
}

// communityID is that of the attempt's first packet: what comes later from other
// ports has others. Without the source port there is none.
func (e event) communityID() string {
	a := e.attempt
	if a.Collected() || portful(a.Protocol) && e.source == 0 || a.Family == 0 {
		return ""
	}
	return flow{a.Protocol, a.Source, a.Destination, e.source, a.DestinationPort}.communityID()
}

// typeName is the name of a DNS type (RFC 1035, IANA), of those that cameras ask for.
func typeName(n uint16) string {
	name := map[uint16]string{
		1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 35: "NAPTR", 64: "SVCB", 65: "HTTPS", 255: "ANY",
	}[n]
	if name == "" {
		return "TYPE" + strconv.Itoa(int(n)) // RFC 3597
	}
	return name
}

// lasting keeps Last of a future clock from being more than now.
func lasting(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}
