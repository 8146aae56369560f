package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// File is what a segment holds, read without its payload.
type File struct {
	Description
	Init   []byte // ftyp and moov
	Parts  []Part // in order
	Sealed bool   // Parts come from the part table; else each part's header was read
	Damage []Damage
}

// Damage is a place of a file that cannot be read as parts.
type Damage struct {
	Offset, Length int64
	Err            error
}

// Open reads a segment of which size bytes are to be trusted: all of a sealed
// one, the durable length of a growing one. A sealed segment costs three reads,
// another one a read per part. What is damaged is left out and named; only a
// file without a right head is an error. Payload checksums are not looked at:
// that is [Probe].
func Open(r io.ReaderAt, size int64) (*File, error) {
	head, err := readHead(r, size)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	f := &File{Description: head.description, Init: head.init}
	table, err := readTrailer(r, &head, size)
	switch {
	case err == nil:
		f.Parts, f.Sealed = table.parts, true
		return f, nil
	case notDamage(err) != nil:
		return nil, fmt.Errorf("open segment: %w", err)
	}
	if err := f.walk(r, &head, size); err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	return f, nil
}

// walk goes from part header to part header.
func (f *File) walk(r io.ReaderAt, head *head, size int64) error {
	var header [partHeaderSize]byte
	at := head.size
	for at < size {
		b, err := readUpTo(r, header[:], at, size)
		if err != nil {
			return err
		}
		p, err := parsePartHeader(b, head.origin)
		switch {
		case err == nil && p.Size > size-at:
			err = fmt.Errorf("part of %d bytes is cut short", p.Size)
		case err == nil && len(f.Parts) >= MaxParts:
			return fmt.Errorf("more than %d parts", MaxParts)
		}
		if err == nil {
			p.Offset = at
			f.Parts = append(f.Parts, p)
			at += p.Size
			continue
		}
		if _, ok := isUUID(b, partTableType); ok {
			err = errors.New("trailer is damaged")
		}
		next, scanErr := findPart(r, head.origin, at+1, size)
		if scanErr != nil {
			return scanErr
		}
		f.Damage = append(f.Damage, Damage{Offset: at, Length: next - at, Err: err})
		at = next
	}
	return nil
}

// findPart gives the offset of the next right part header at or behind at, or
// size. Each byte is read once.
func findPart(r io.ReaderAt, from origin, at, size int64) (int64, error) {
	buffer := make([]byte, 64<<10)
	for at+minPart <= size {
		b, err := readUpTo(r, buffer, at, size)
		if err != nil {
			return 0, err
		}
		for i := 0; i+partHeaderSize <= len(b); i++ {
			if b[i+4] != 'u' || b[i+5] != 'u' {
				continue
			}
			if p, err := parsePartHeader(b[i:], from); err == nil && p.Size <= size-at-int64(i) {
				return at + int64(i), nil
			}
		}
		at += int64(len(b)) - partHeaderSize + 1
	}
	return size, nil
}

type head struct {
	description Description
	init        []byte
	size        int64
	origin      origin
}

// readHead reads ftyp, moov and description, and checks their checksum.
func readHead(r io.ReaderAt, size int64) (head, error) {
	b, err := readUpTo(r, make([]byte, 4096), 0, size)
	if err != nil {
		return head{}, err
	}
	var at int64
	for _, name := range []string{"ftyp", "moov", "uuid"} {
		if at+uuidHeaderSize > int64(len(b)) || string(b[at+4:at+8]) != name {
			return head{}, damaged{fmt.Errorf("head: no %s at %d", name, at)}
		}
		length := int64(binary.BigEndian.Uint32(b[at:]))
		end := at + length
		if length < uuidHeaderSize || end > maxHead || end > size {
			return head{}, damaged{fmt.Errorf("head: %s of %d bytes", name, length)}
		}
		if name == "uuid" {
			if end > int64(len(b)) {
				if b, err = readUpTo(r, make([]byte, end), 0, size); err != nil {
					return head{}, err
				}
			}
			return parseHead(b[:end], at)
		}
		if want := end + uuidHeaderSize; want > int64(len(b)) {
			if b, err = readUpTo(r, make([]byte, want), 0, size); err != nil {
				return head{}, err
			}
		}
		at = end
	}
	return head{}, damaged{errDescription}
}

// parseHead reads the description box, which lies at the end of b from at on.
func parseHead(b []byte, at int64) (head, error) {
	box := b[at:]
	if _, ok := isUUID(box, descriptionType); !ok || len(box) < uuidHeaderSize+4 {
		return head{}, damaged{errDescription}
	}
	text := box[uuidHeaderSize+4:]
	sum := sumWith(checksum(b[:at]), text)
	if sum != binary.BigEndian.Uint32(box[uuidHeaderSize:]) {
		return head{}, damaged{errors.New("head: wrong checksum")}
	}
	d, err := parseDescription(text)
	if err != nil {
		return head{}, damaged{err}
	}
	return head{description: d, init: b[:at:at], size: int64(len(b)), origin: origin(sum)}, nil
}

type trailer struct {
	parts []Part
	at    int64 // where the part table begins
}

var errNoTrailer = errors.New("no trailer")

// readTrailer finds the part table from the end of the file: the last box is an
// mfro that tells the size of mfra, before which the table's size is repeated.
// A growing file ends with payload, which a camera may have made to look like a
// trailer: only the origin tells.
func readTrailer(r io.ReaderAt, head *head, size int64) (trailer, error) {
	none := trailer{at: -1}
	if size < mfroSize {
		return none, damaged{errNoTrailer}
	}
	var mfro [mfroSize]byte
	if _, err := readUpTo(r, mfro[:], size-mfroSize, size); err != nil {
		return none, err
	}
	be := binary.BigEndian
	end := size - int64(be.Uint32(mfro[12:]))
	if be.Uint32(mfro[:]) != mfroSize || string(mfro[4:8]) != "mfro" || end < tableFixed+tableEnd || end > size-mfroSize {
		return none, damaged{errNoTrailer}
	}
	var again [tableEnd]byte
	if _, err := readUpTo(r, again[:], end-tableEnd, size); err != nil {
		return none, err
	}
	length := int64(be.Uint32(again[:]))
	at := end - length
	if length < tableFixed+tableEnd || at < head.size || size-at > maxTrailer {
		return none, damaged{errNoTrailer}
	}
	b, err := readUpTo(r, make([]byte, size-at), at, size)
	if err != nil {
		return none, err
	}
	parts, err := parseTrailer(b, head.size, at, head.origin)
	if err != nil {
		return none, damaged{err}
	}
	return trailer{parts: parts, at: at}, nil
}
