package proof_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/proof"
)

var when = time.Date(2026, 11, 23, 14, 5, 0, 120_000_000, time.UTC)

func TestHeadIsSignedAsAWhole(t *testing.T) {
	key, other := newKey(t), newKey(t)
	head := key.Sign("audit/1", 7, proof.Genesis("x"), when.In(time.FixedZone("KST", 9*3600)))
	must(t, key.Public().Check(head))
	if err := other.Public().Check(head); !errors.Is(err, proof.ErrOtherKey) {
		t.Errorf("another key says %v", err)
	}
	if err := (proof.Public{}).Check(head); !errors.Is(err, proof.ErrOtherKey) {
		t.Errorf("no key says %v", err)
	}
	for name, change := range map[string]func(*proof.Head){
		"list":         func(h *proof.Head) { h.List = "audit/2" },
		"seq":          func(h *proof.Head) { h.Seq++ },
		"hash":         func(h *proof.Head) { h.Hash[31] ^= 1 },
		"time":         func(h *proof.Head) { h.Time = h.Time.Add(1) },
		"signature":    func(h *proof.Head) { h.Signature = bytes.Clone(h.Signature); h.Signature[0] ^= 1 },
		"no signature": func(h *proof.Head) { h.Signature = nil },
	} {
		changed := head
		change(&changed)
		if err := key.Public().Check(changed); !errors.Is(err, proof.ErrSignature) {
			t.Errorf("with another %s: %v", name, err)
		}
	}
}

func TestHeadTextIsReadAsItIsWrittenOnly(t *testing.T) {
	key := newKey(t)
	head := key.Sign("audit/1", 7, proof.Genesis("x"), when)
	text := head.Encode()
	got, err := proof.ParseHead(text)
	must(t, err)
	must(t, key.Public().Check(got))
	if !bytes.Equal(got.Encode(), text) || len(text) > proof.MaxHead {
		t.Errorf("%s\nis read as\n%s", text, got.Encode())
	}
	for name, bad := range map[string][]byte{
		"nothing":       {},
		"null":          []byte("null"),
		"a space more":  append(bytes.Clone(text), ' '),
		"another case":  bytes.Replace(text, []byte(`"seq"`), []byte(`"Seq"`), 1),
		"unknown field": bytes.Replace(text, []byte(`{`), []byte(`{"x":1,`), 1),
		"twice":         append(bytes.Clone(text), text...),
		"list":          bytes.Replace(text, []byte(`audit/1`), []byte(`audit\n1`), 1),
		"zone":          bytes.Replace(text, []byte(`.12Z`), []byte(`.12+00:00`), 1),
		"upper case":    bytes.ToUpper(text),
		"too long":      bytes.Repeat([]byte(" "), proof.MaxHead+1),
	} {
		if _, err := proof.ParseHead(bad); !errors.Is(err, proof.ErrHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecordIsReadAsItWasStored(t *testing.T) {
	r := proof.Next(proof.Genesis("x"), 1, []byte("body"))
	got, err := proof.DecodeRecord(1, r.Encode())
	must(t, err)
	if got.Hash != r.Hash || string(got.Body) != "body" || got.Seq != 1 {
		t.Errorf("got %+v", got)
	}
	for _, bad := range [][]byte{nil, {1}, make([]byte, 40)} {
		if _, err := proof.DecodeRecord(1, bad); !errors.Is(err, proof.ErrRecord) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func FuzzParseHead(f *testing.F) {
	key := newKey(f)
	f.Add(key.Sign("audit/1", 7, proof.Genesis("x"), when).Encode())
	f.Add([]byte(`{"list":"x"}`))
	public := key.Public()
	f.Fuzz(func(t *testing.T, line []byte) {
		head, err := proof.ParseHead(line)
		if err != nil {
			return
		}
		if !bytes.Equal(head.Encode(), line) {
			t.Errorf("%q is written as %q", line, head.Encode())
		}
		_ = public.Check(head)
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(uint64(1), proof.Next(proof.Genesis("x"), 1, []byte("body")).Encode())
	f.Add(uint64(0), []byte{1, 2})
	f.Fuzz(func(t *testing.T, seq uint64, stored []byte) {
		r, err := proof.DecodeRecord(seq, stored)
		if err == nil && !bytes.Equal(r.Encode(), stored) {
			t.Errorf("%q is stored as %q", stored, r.Encode())
		}
	})
}
