package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// A checkpoint is what one commit of a volume made true (S2). It is written
// into one of two files in turn, so that a torn write leaves the one before:
//
//	"SCKP" | version 1 byte | payload length 4 bytes | CRC-32C of payload 4 bytes | payload
//
// and in the payload, integers as varints, strings and bytes with their length:
//
//	volume id | sequence | time (ns) | clock step (ns, zigzag) | newest footage confirmed (ns)
//	open segments: count, { camera stream run start (ns) durable bytes, end (ns) }
//	volumes of the recorder: count, { id path }
//	ledger heads:  count, { camera day size hash }
//	ledger writes: count, { camera day offset lines }
//
// The ledger writes are those of this commit. They go into the ledgers only
// after the checkpoint is durable, and are synced by the next commit: recovery
// writes them again, so that a commit needs one sync and one small write
// however many ledgers it touches.
type checkpoint struct {
	volume   string
	sequence uint64
	at       time.Time
	clock    clockState
	open     []openSegment
	volumes  []volumeRef           // this one and its siblings, for the day that the index is lost
	heads    map[string]ledgerHead // by camera
	writes   []ledgerWrite
}

// volumeRef names a volume and where it was last.
type volumeRef struct{ id, path string }

// openSegment is how far a growing segment is durable.
type openSegment struct {
	SegmentMeta
	bytes int64
	end   time.Time // capture time reached; zero without footage
}

const (
	checkpointMagic   = "SCKP"
	checkpointVersion = 2 // 1 had no clock and no volumes
	checkpointHeader  = len(checkpointMagic) + 1 + 4 + 4
	checkpointRoom    = 1 << 20   // bytes set aside for each file, so that a full disk does not stop commits
	maxCheckpoint     = 256 << 20 // bytes; a larger file is not one of ours
)

var errCheckpoint = errors.New("not a whole checkpoint")

// encode makes the file's content.
func (c *checkpoint) encode() []byte {
	b := putString(make([]byte, 0, 4096), c.volume)
	b = binary.AppendUvarint(b, c.sequence)
	b = putTime(b, c.at)
	b = binary.AppendVarint(b, int64(c.clock.step))
	b = putTime(b, c.clock.confirmed)
	b = binary.AppendUvarint(b, uint64(len(c.open)))
	for _, o := range c.open {
		b = putString(b, o.Camera)
		b = putString(b, o.Stream)
		b = putString(b, o.Run)
		b = putTime(b, o.Start)
		b = binary.AppendUvarint(b, uint64(o.bytes))
		b = putTime(b, o.end)
	}
	b = binary.AppendUvarint(b, uint64(len(c.volumes)))
	for _, v := range c.volumes {
		b = putString(b, v.id)
		b = putString(b, v.path)
	}
	b = binary.AppendUvarint(b, uint64(len(c.heads)))
	for camera, h := range c.heads {
		b = putString(b, camera)
		b = putString(b, h.day)
		b = binary.AppendUvarint(b, uint64(h.size))
		b = append(b, h.hash[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(c.writes)))
	for _, w := range c.writes {
		b = putString(b, w.camera)
		b = putString(b, w.day)
		b = binary.AppendUvarint(b, uint64(w.offset))
		b = putString(b, string(w.lines))
	}
	return frame(b)
}

// frame puts the header before a payload.
func frame(payload []byte) []byte {
	b := append(make([]byte, 0, checkpointHeader+len(payload)), checkpointMagic...)
	b = append(b, checkpointVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint32(b, castagnoli(payload))
	return append(b, payload...)
}

// decodeCheckpoint reads a file's content; what stands behind the payload is
// left over from a longer one.
func decodeCheckpoint(b []byte) (*checkpoint, error) {
	if len(b) < checkpointHeader || string(b[:4]) != checkpointMagic || b[4] < 1 || b[4] > checkpointVersion {
		return nil, errCheckpoint
	}
	version := b[4]
	length, sum := binary.BigEndian.Uint32(b[5:]), binary.BigEndian.Uint32(b[9:])
	b = b[checkpointHeader:]
	if uint64(length) > uint64(len(b)) || castagnoli(b[:length]) != sum {
		return nil, errCheckpoint
	}
	r := reader{b: b[:length]}
	c := &checkpoint{volume: r.string(), sequence: r.uvarint(), at: r.time(), heads: map[string]ledgerHead{}}
	if version >= 2 {
		c.clock = clockState{time.Duration(r.varint()), r.time()}
	}
	for range r.count() {
		o := openSegment{
			SegmentMeta: SegmentMeta{Camera: r.string(), Stream: r.string(), Run: r.string(), Start: r.time()},
			bytes:       r.length(), end: r.time(),
		}
		r.bad = r.bad || o.check() != nil
		c.open = append(c.open, o)
	}
	if version >= 2 {
		for range r.count() {
			c.volumes = append(c.volumes, volumeRef{r.string(), r.string()})
		}
	}
	for range r.count() {
		camera := r.string()
		h := ledgerHead{day: r.string(), size: r.length()}
		copy(h.hash[:], r.take(uint64(len(h.hash))))
		r.bad = r.bad || !validID(camera) || !validDay(h.day)
		c.heads[camera] = h
	}
	for range r.count() {
		w := ledgerWrite{camera: r.string(), day: r.string(), offset: r.length(), lines: []byte(r.string())}
		r.bad = r.bad || !validID(w.camera) || !validDay(w.day)
		c.writes = append(c.writes, w)
	}
	if r.bad || len(r.b) != 0 {
		return nil, errCheckpoint
	}
	return c, nil
}

// checkpointFiles are the two files of a volume.
type checkpointFiles [2]vfs.File

// openCheckpoints opens or makes the files and gives the newest checkpoint
// that is whole and of this volume, or nil.
func openCheckpoints(fsys vfs.FS, root, volume string) (checkpointFiles, *checkpoint, error) {
	var files checkpointFiles
	var newest *checkpoint
	for i, name := range []string{checkpointNameA, checkpointNameB} {
		name = path.Join(root, name)
		f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			files.close()
			return files, nil, fmt.Errorf("open checkpoint: %w", err)
		}
		files[i] = f
		size, err := f.Size()
		if err != nil || size > maxCheckpoint {
			continue
		}
		content := make([]byte, size)
		if n, err := f.ReadAt(content, 0); int64(n) < size {
			files.close()
			return files, nil, fmt.Errorf("read checkpoint: %w", err)
		}
		c, err := decodeCheckpoint(content)
		if err == nil && c.volume == volume && (newest == nil || c.sequence > newest.sequence) {
			newest = c
		}
	}
	return files, newest, nil
}

// write makes a checkpoint durable in the file whose turn it is.
func (files checkpointFiles) write(c *checkpoint) error {
	f := files[c.sequence%2]
	if _, err := f.WriteBuffersAt([][]byte{c.encode()}, 0); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := f.Datasync(); err != nil {
		return &syncError{fmt.Errorf("sync checkpoint: %w", err)}
	}
	return nil
}

func (files checkpointFiles) close() {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // synced when it mattered
		}
	}
}
