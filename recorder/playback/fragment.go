package playback

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/stockade-nvr/stockade/streams/fmp4"
	"github.com/stockade-nvr/stockade/streams/media"
)

// maxJoined is how many parts one fragment of a movie has at most: a GOP of a
// minute. More than that of moofs is not read for one byte.
const maxJoined = 64

// part is a part's place in its segment.
type part struct {
	offset int64 // of its moof
	size   int64 // of moof and mdat
	leg    *leg
}

// fragment is one moof and mdat of a movie: a random access part joined with the
// parts that follow it up to the next one, with one trun for each track. That is
// for FFmpeg, and so Chromium: after a seek it steps over a second moof in what a
// sidx refers to, and of a moof with a second trun it puts the samples in a wrong
// order. Either shows pictures without what they depend on.
type fragment struct {
	at       int64 // in the movie
	size     int64 // the sum of its parts' sizes
	first, n int   // its parts
	duration int64 // ticks of the leading track
	random   bool
}

// join groups parts, the first of which is random access. Ticks are where each
// begins, and one more: where the last ends.
func join(parts []part, ticks []int64, random []bool) []fragment {
	// A day may have more random access parts than a sidx has references.
	count := 0
	for _, r := range random {
		if r {
			count++
		}
	}
	each := (count + maxReferences - 1) / maxReferences // random access parts in one fragment
	var out []fragment
	inside := 0
	for i := range parts {
		n := len(out)
		full := n > 0 && (out[n-1].size+parts[i].size > math.MaxInt32 || out[n-1].n >= maxJoined ||
			random[i] && inside >= each)
		if n == 0 || full && n < maxReferences {
			out = append(out, fragment{first: i, random: random[i]})
			inside = 0
			n++
		}
		if random[i] {
			inside++
		}
		f := &out[n-1]
		f.n++
		f.size += parts[i].size
		f.duration += max(0, ticks[i+1]-ticks[i])
	}
	return out
}

// extent is a stretch of a fragment's bytes: in memory, in a segment, or zeros.
type extent struct {
	at, size int64 // in the fragment
	bytes    []byte
	reader   SegmentReader
	offset   int64
}

// layout is what a fragment consists of: a moof with the samples of all its parts,
// and an mdat with the payload of track after track. It ends with zeros as many as
// joining saves in headers, so the length is known before any moof is read. From a
// part that is not as it was written on, the rest cannot be decoded and is zeros,
// too; damage then says where.
func layout(parts []part, sequence uint32) (extents []extent, damage *part, err error) {
	total := int64(0)
	for i := range parts {
		total += parts[i].size
	}
	var tracks []trackRun
	for i := range parts {
		p := &parts[i]
		m, err := p.read()
		if errors.Is(err, errMoof) {
			damage = p
			break
		}
		if err != nil {
			return nil, p, err
		}
		for k := range m.trafs {
			tracks = appendTraf(tracks, p, &m.trafs[k])
		}
	}
	return lay(tracks, sequence, total), damage, nil
}

// read reads a part's moof and sees that its payload lies where it says.
func (p *part) read() (moof, error) {
	b, err := readMoof(p.leg.reader, p.offset, p.size)
	if err != nil {
		return moof{}, err
	}
	m, err := parseMoof(b)
	if err != nil {
		return moof{}, err
	}
	left := p.size - int64(m.size+fmp4.BoxHeader)
	for i := range m.trafs {
		t := &m.trafs[i]
		n := t.bytes()
		left -= n
		if p.leg.track(t.track) < 0 || t.data < int64(m.size+fmp4.BoxHeader) || t.data > p.size-n || left < 0 {
			return moof{}, errMoof
		}
	}
	return m, nil
}

// trackRun is the samples of a track in a fragment.
type trackRun struct {
	track    uint32
	time     int64 // of the first sample, on the movie's time
	end      int64 // of the last one
	rows     []byte
	payloads []extent // at is not known yet
}

// appendTraf appends what a part has of a track. The last sample before it lasts
// until its first one: on a trun there is no other way to say when that begins.
func appendTraf(tracks []trackRun, p *part, t *traf) []trackRun {
	if t.samples() == 0 {
		return tracks
	}
	time := max(0, t.time+p.leg.shift[p.leg.track(t.track)])
	i := slices.IndexFunc(tracks, func(r trackRun) bool { return r.track == t.track })
	if i < 0 {
		i = len(tracks)
		tracks = append(tracks, trackRun{track: t.track, time: time, end: time})
	}
	r := &tracks[i]
	if n := len(r.rows); n > 0 && time != r.end {
		last := r.rows[n-fmp4.TrunRow:]
		was := binary.BigEndian.Uint32(last)
		lasts := max(0, min(int64(was)+time-r.end, math.MaxUint32))
		binary.BigEndian.PutUint32(last, uint32(lasts))
		r.end += lasts - int64(was)
	}
	r.rows = append(r.rows, t.rows...)
	r.end += t.end() - t.time
	r.payloads = append(r.payloads, extent{size: t.bytes(), reader: p.leg.reader, offset: p.offset + t.data})
	return tracks
}

// lay makes one moof and mdat, size bytes long. What is left over must not become
// a free box: behind one, FFmpeg goes on after a seek at the wrong place.
func lay(tracks []trackRun, sequence uint32, size int64) []extent {
	moofSize := fmp4.BoxHeader + fmp4.MfhdSize
	for i := range tracks {
		moofSize += fmp4.TrafSize(len(tracks[i].rows) / fmp4.TrunRow)
	}
	head := fmp4.AppendMoof(make([]byte, 0, moofSize+fmp4.BoxHeader), moofSize, sequence)
	extents := make([]extent, 1)
	at := int64(moofSize + fmp4.BoxHeader)
	for i := range tracks {
		r := &tracks[i]
		head = fmp4.AppendTraf(head, r.track, media.MediaTime(r.time), len(r.rows)/fmp4.TrunRow, int(at))
		head = append(head, r.rows...)
		for _, e := range r.payloads {
			e.at = at
			at += e.size
			extents = append(extents, e)
		}
	}
	head = fmp4.AppendBox(head, int(size)-moofSize, "mdat")
	extents[0] = extent{size: int64(len(head)), bytes: head}
	return append(extents, extent{at: at, size: size - at})
}

// readExtents reads from an offset of a fragment, no further than its end.
func readExtents(extents []extent, b []byte, at int64) (int, error) {
	read := 0
	for i := range extents {
		e := &extents[i]
		from := at + int64(read) - e.at
		if from >= e.size {
			continue
		}
		if read == len(b) {
			break
		}
		into := b[read:min(int64(len(b)), int64(read)+e.size-from)]
		switch {
		case e.bytes != nil:
			copy(into, e.bytes[from:])
		case e.reader != nil:
			if err := readFull(e.reader, into, e.offset+from); err != nil {
				return read, err
			}
		default:
			clear(into)
		}
		read += len(into)
	}
	return read, nil
}
