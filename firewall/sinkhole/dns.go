package sinkhole

import (
	"context"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// Bounds of DNS.
const (
	maxMessage = 4096 // bytes of a question that are read; more is malformed
	ttl        = 60   // seconds
	ourUDPSize = 1232 // bytes that we say we take (DNS flag day 2020)
	maxHost    = 253  // bytes of a host name, without the closing dot
	headerLen  = 12   // bytes of a message's header, RFC 1035 §4.1.1
	bitReply   = 0x80 // of the header's third byte
	maxLabel   = 63
)

// answer makes the reply to one message, nil where none is due: to what is
// shorter than a header and to what is itself a reply, or two servers could be
// set to talk to each other for ever.
func (s *Sinkhole) answer(ctx context.Context, asker netip.Addr, message []byte) []byte {
	if len(message) < headerLen || message[2]&bitReply != 0 {
		s.malformed.Add(1)
		return nil
	}
	q := new(dns.Msg)
	if err := q.Unpack(message); err != nil || len(q.Question) != 1 || len(message) > maxMessage {
		s.malformed.Add(1)
		return formatError(message)
	}
	r := new(dns.Msg)
	r.SetReply(q)
	r.RecursionAvailable = true // or some clients look no further
	if done := s.extend(q, r); !done {
		s.resolve(ctx, asker, q, r)
	}
	out, err := r.Pack()
	if err != nil {
		s.malformed.Add(1)
		return formatError(message)
	}
	s.questions.Add(1)
	return out
}

// formatError is the answer to what could not be parsed: the header alone.
func formatError(message []byte) []byte {
	r := make([]byte, headerLen)
	copy(r, message[:3])
	r[2] = bitReply | message[2]&0x79 // opcode and "recursion desired" as they came
	r[3] = dns.RcodeFormatError
	return r
}

// extend answers the EDNS part (RFC 6891) and reports whether that is all.
func (s *Sinkhole) extend(q, r *dns.Msg) (done bool) {
	opt := q.IsEdns0()
	if opt == nil {
		return false
	}
	r.SetEdns0(ourUDPSize, false)
	if opt.Version() > 0 {
		r.SetRcode(q, dns.RcodeBadVers)
		r.SetEdns0(ourUDPSize, false)
		return true
	}
	return false
}

// resolve answers the question.
func (s *Sinkhole) resolve(ctx context.Context, asker netip.Addr, q, r *dns.Msg) {
	if q.Opcode != dns.OpcodeQuery {
		r.Rcode = dns.RcodeNotImplemented
		return
	}
	one := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(one.Name, "."))
	s.opts.Names.Asked(asker, name, one.Qtype)
	if one.Qclass != dns.ClassINET && one.Qclass != dns.ClassANY {
		r.Rcode = dns.RcodeRefused
		return
	}
	switch one.Qtype {
	case dns.TypeA, dns.TypeANY:
		s.resolveHost(ctx, asker, name, r)
	case dns.TypePTR:
		s.resolveAddr(name, r)
	case dns.TypeAXFR, dns.TypeIXFR:
		r.Rcode = dns.RcodeRefused
	default:
		// AAAA, HTTPS, SVCB, TXT, SRV, MX ...: the name exists, and has none (C6).
		noData(r)
	}
}

// resolveHost answers with the name's own address.
func (s *Sinkhole) resolveHost(ctx context.Context, asker netip.Addr, name string, r *dns.Msg) {
	if !isHost(name) {
		nameError(r)
		return
	}
	addr, err := s.opts.Names.AddressOf(ctx, asker, name)
	if err != nil {
		if ctx.Err() == nil {
			s.opts.Log.Warn("host name got no address", "asker", asker, "host", name, "error", err)
		}
		r.Rcode = dns.RcodeServerFailure
		return
	}
	r.Answer = append(r.Answer, &dns.A{Hdr: header(r.Question[0].Name, dns.TypeA), A: addr.AsSlice()})
}

// resolveAddr answers for an address that we gave to a name.
func (s *Sinkhole) resolveAddr(name string, r *dns.Msg) {
	addr, ok := reverse(name)
	if !ok {
		nameError(r)
		return
	}
	host, ok := s.opts.Names.HostOf(addr)
	if !ok || !isHost(host) {
		nameError(r)
		return
	}
	r.Answer = append(r.Answer, &dns.PTR{Hdr: header(r.Question[0].Name, dns.TypePTR), Ptr: dns.Fqdn(host)})
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// noData says that the name has no record of that type. The SOA makes a client
// believe it at once (RFC 2308 §2.2) instead of asking the next server.
func noData(r *dns.Msg) {
	r.Ns = append(r.Ns, &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  "recorder.invalid.", Mbox: "nobody.invalid.",
		Serial: 1, Refresh: ttl, Retry: ttl, Expire: ttl, Minttl: ttl,
	})
}

// nameError says that there is no such name.
func nameError(r *dns.Msg) {
	r.Rcode = dns.RcodeNameError
	noData(r)
}

// reverse reads 1.0.18.198.in-addr.arpa.
func reverse(name string) (netip.Addr, bool) {
	digits, ok := strings.CutSuffix(name, ".in-addr.arpa")
	if !ok {
		return netip.Addr{}, false
	}
	part := strings.Split(digits, ".")
	if len(part) != 4 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(part[3] + "." + part[2] + "." + part[1] + "." + part[0])
	return a, err == nil
}

// isHost reports whether name, in lower case, is one that hosts have.
func isHost(name string) bool {
	if name == "" || len(name) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
