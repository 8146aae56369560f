package recorder_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stockade-nvr/stockade/recorder"
	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
)

var start = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

// disk is a double of the storage that fails when told to. It keeps what it is
// given in memory and writes a log of what was asked.
type disk struct {
	now    time.Time
	log    []string
	files  []*file
	refuse error                         // of Create
	fail   func(f *file, part int) error // of Append
	done   int                           // callbacks of Append
	slow   bool                          // Seal does not call back by itself
	asked  int                           // Appends
}

type file struct {
	disk   *disk
	meta   storage.SegmentMeta
	bytes  bytes.Buffer
	end    time.Time
	parts  int
	broken error
	sealed bool
	later  func(storage.Segment, error) // of Seal, when the test calls back
}

func (d *disk) note(at time.Time, format string, args ...any) {
	d.log = append(d.log, fmt.Sprintf("%v ", at.Sub(start))+fmt.Sprintf(format, args...))
}

func (d *disk) Create(m storage.SegmentMeta) (recorder.SegmentWriter, error) {
	if d.refuse != nil {
		return nil, d.refuse
	}
	f := &file{disk: d, meta: m, end: m.Start}
	d.files = append(d.files, f)
	return f, nil
}

func (d *disk) SetGap(_, _ string, at time.Time, reason storage.Reason, _ string) error {
	d.note(at, "gap %s", reason)
	return nil
}

func (d *disk) CloseGap(_, _ string, at time.Time) error {
	d.note(at, "footage")
	return nil
}

func (f *file) Append(a storage.Append) error {
	f.disk.asked++
	defer func() {
		f.disk.done++
		a.Done()
	}()
	if f.disk.fail != nil {
		if err := f.disk.fail(f, f.parts); err != nil {
			return err
		}
	}
	for _, b := range a.Buffers {
		f.bytes.Write(b)
	}
	f.parts++
	f.end = a.End
	return nil
}

func (f *file) Seal(trailer [][]byte, done func(storage.Segment, error)) error {
	if f.broken != nil {
		return f.broken
	}
	for _, b := range trailer {
		f.bytes.Write(b)
	}
	f.sealed = true
	f.disk.note(f.end, "sealed %d parts from %v", f.parts, f.meta.Start.Sub(start))
	if f.disk.slow {
		f.later = done
		return nil
	}
	done(storage.Segment{SegmentMeta: f.meta, End: f.end}, nil)
	return nil
}

func (f *file) Abort() {
	if !f.sealed {
		f.disk.note(f.end, "aborted %d parts from %v", f.parts, f.meta.Start.Sub(start))
	}
}

func (f *file) End() time.Time { return f.end }

// runParts makes n parts of a second, with a random access unit every gop parts.
func runParts(clip *footage.Clip, id string, from time.Time, n int) []*media.Part {
	parts := clip.Parts(footage.Run("gate", id, from), 0)
	return parts[:n]
}

func TestCutsAndGaps(t *testing.T) {
	t.Parallel()
	// Parts of one second, every second one begins with a random access unit.
	clip := footage.Encode(t, footage.Options{Length: 20 * time.Second, Width: 64})
	second := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	diskFull := &storage.DiskError{Path: "/v", Reason: storage.ReasonDiskFull, Err: errors.New("no space")}

	tests := []struct {
		name string
		run  func(r *recorder.Recorder, d *disk)
		want []string
	}{
		{
			"one run", func(r *recorder.Recorder, _ *disk) {
				feed(r, runParts(clip, "00000001", start, 6))
				r.Close()
			},
			[]string{"0s footage", "6s sealed 6 parts from 0s", "6s gap recorder-down"},
		},
		{
			"begins with a random access unit", func(r *recorder.Recorder, _ *disk) {
				r.Down(second(0), streams.CauseStarting, "")
				feed(r, runParts(clip, "00000001", start, 6)[1:])
				r.Close()
			},
			[]string{"0s gap recorder-down", "2s footage", "6s sealed 4 parts from 2s", "6s gap recorder-down"},
		},
		{
			"reasons follow each other", func(r *recorder.Recorder, d *disk) {
				r.Down(second(0), streams.CauseStarting, "")
				d.now = second(1)
				r.Down(second(0), streams.CauseOffline, "no route")
				d.now = second(3)
				r.Down(second(0), streams.CauseOffline, "still no route")
				d.now = second(5)
				r.Down(second(0), streams.CauseAuth, "401")
				feed(r, runParts(clip, "00000001", second(7), 4))
				d.now = second(12)
				r.Down(second(11), streams.CauseNetworkLoss, "frozen")
			},
			[]string{
				"0s gap recorder-down", "1s gap camera-offline", "5s gap auth", "7s footage",
				"11s sealed 4 parts from 7s", "11s gap network-loss",
			},
		},
		{
			"a gap of a nanosecond", func(r *recorder.Recorder, _ *disk) {
				feed(r, runParts(clip, "00000001", start, 2))
				r.Down(second(2), streams.CauseNetworkLoss, "")
				feed(r, runParts(clip, "00000002", second(2).Add(1), 2))
			},
			[]string{"0s footage", "2s sealed 2 parts from 0s", "2s gap network-loss", "2.000000001s footage"},
		},
		{
			"a run that nobody ended", func(r *recorder.Recorder, _ *disk) {
				feed(r, runParts(clip, "00000001", start, 2))
				feed(r, runParts(clip, "00000002", second(3), 2))
				r.Close()
			},
			[]string{
				"0s footage", "2s sealed 2 parts from 0s", "2s gap network-loss", "3s footage",
				"5s sealed 2 parts from 3s", "5s gap recorder-down",
			},
		},
		{
			"parts missing", func(r *recorder.Recorder, _ *disk) {
				parts := runParts(clip, "00000001", start, 8)
				feed(r, append(parts[:2:2], parts[3:]...))
				r.Close()
			},
			[]string{
				"0s footage", "2s sealed 2 parts from 0s", "2s gap overload", "4s footage",
				"8s sealed 4 parts from 4s", "8s gap recorder-down",
			},
		},
		{
			"clock steps ahead within a run", func(r *recorder.Recorder, _ *disk) {
				parts := runParts(clip, "00000001", start, 8)
				for _, p := range parts[4:] {
					p.Start, p.End = p.Start.Add(time.Hour), p.End.Add(time.Hour)
				}
				feed(r, parts)
			},
			[]string{"0s footage", "4s sealed 4 parts from 0s", "4s gap clock-step", "1h0m4s footage"},
		},
		{
			"new format", func(r *recorder.Recorder, _ *disk) {
				parts := runParts(clip, "00000001", start, 8)
				format := *clip.Format
				for _, p := range parts[4:] {
					p.Format = &format
				}
				feed(r, parts)
				r.Close()
			},
			[]string{"0s footage", "4s sealed 4 parts from 0s", "8s sealed 4 parts from 4s", "8s gap recorder-down"},
		},
		{
			"overload ends the segment, not the run", func(r *recorder.Recorder, d *disk) {
				d.fail = func(f *file, part int) error {
					if len(d.files) == 1 && part == 3 {
						return storage.ErrOverload
					}
					return nil
				}
				feed(r, runParts(clip, "00000001", start, 8))
				r.Close()
			},
			[]string{
				"0s footage", "3s sealed 3 parts from 0s", "3s gap overload", "4s footage",
				"8s sealed 4 parts from 4s", "8s gap recorder-down",
			},
		},
		{
			"a failing disk keeps less than was queued", func(r *recorder.Recorder, d *disk) {
				d.fail = func(f *file, part int) error {
					if len(d.files) == 1 && part == 3 {
						f.broken, f.end = diskFull, second(2)
						return diskFull
					}
					return nil
				}
				feed(r, runParts(clip, "00000001", start, 8))
			},
			[]string{"0s footage", "2s aborted 3 parts from 0s", "2s gap disk-full", "4s footage"},
		},
		{
			"fails with its first part", func(r *recorder.Recorder, d *disk) {
				d.fail = func(*file, int) error {
					if len(d.files) <= 2 {
						return storage.ErrOverload
					}
					return nil
				}
				feed(r, runParts(clip, "00000001", start, 6))
			},
			[]string{"0s aborted 0 parts from 0s", "0s gap overload", "2s aborted 0 parts from 2s", "4s footage"},
		},
		{
			"what was sealed is lost, while another segment grows", func(r *recorder.Recorder, d *disk) {
				d.slow = true
				feed(r, runParts(clip, "00000001", start, 4))
				next := runParts(clip, "00000002", second(4), 4)
				feed(r, next[:2])
				d.files[0].end = second(1)
				d.files[0].later(storage.Segment{}, diskFull)
				feed(r, next[2:])
			},
			[]string{"0s footage", "4s sealed 4 parts from 0s", "1s gap disk-full", "4s footage"},
		},
		{
			"what was sealed is lost, in a gap", func(r *recorder.Recorder, d *disk) {
				d.slow = true
				feed(r, runParts(clip, "00000001", start, 4))
				r.Down(second(4), streams.CauseNetworkLoss, "")
				d.files[0].end = second(1)
				d.files[0].later(storage.Segment{}, diskFull)
				feed(r, runParts(clip, "00000002", second(7), 2))
			},
			[]string{
				"0s footage", "4s sealed 4 parts from 0s", "4s gap network-loss",
				"1s gap disk-full", "4s footage", "4s gap network-loss", "7s footage",
			},
		},
		{
			"no volume", func(r *recorder.Recorder, d *disk) {
				d.refuse = diskFull
				feed(r, runParts(clip, "00000001", start, 3))
				d.refuse = nil
				feed(r, runParts(clip, "00000001", start, 6)[3:])
			},
			[]string{"0s gap disk-full", "4s footage"},
		},
		{
			"reasons follow each other while parts come", func(r *recorder.Recorder, d *disk) {
				parts := runParts(clip, "00000001", start, 8)
				for i, refuse := range []error{diskFull, diskFull, diskFull, diskFull, storage.ErrOverload, storage.ErrOverload, nil, nil} {
					d.refuse = refuse
					d.now = parts[i].End.Add(80 * time.Millisecond) // when a part gets here
					feed(r, parts[i:i+1])
				}
				r.Close()
			},
			[]string{"0s gap disk-full", "4s gap overload", "6s footage", "8s sealed 2 parts from 6s", "8s gap recorder-down"},
		},
		{
			"parts refused by a new segment", func(r *recorder.Recorder, d *disk) {
				d.fail = func(*file, int) error {
					if len(d.files) == 1 {
						return storage.ErrOverload
					}
					return nil
				}
				r.Down(second(0), streams.CauseStarting, "")
				for _, p := range runParts(clip, "00000001", second(4), 4) {
					d.now = p.End.Add(1080 * time.Millisecond)
					feed(r, []*media.Part{p})
				}
			},
			[]string{"0s gap recorder-down", "4s aborted 0 parts from 4s", "4s gap overload", "6s footage"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &disk{now: start}
			r := recorder.New(recorder.Options{
				Camera: "gate", Stream: "main", Store: d, Record: true, Software: "test",
				Segment: 24 * time.Hour * 365, Now: func() time.Time { return d.now },
			})
			tt.run(r, d)
			if diff := cmp.Diff(tt.want, d.log); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if d.done != d.asked {
				t.Errorf("%d appends, %d came back", d.asked, d.done)
			}
			for _, f := range d.files {
				check(t, f)
			}
		})
	}
}

// TestNoMoreRandomAccess: a camera that sends no random access unit any more
// keeps no segment open for ever, and loses no footage by it.
func TestNoMoreRandomAccess(t *testing.T) {
	t.Parallel()
	const length = 4 * time.Second
	parts := runParts(footage.Encode(t, footage.Options{Length: 20 * time.Second, GOP: 20 * time.Second, Width: 64}), "00000001", start, 20)
	d := &disk{now: start}
	r := recorder.New(recorder.Options{Camera: "gate", Stream: "main", Store: d, Record: true, Segment: length})
	feed(r, parts)
	r.Close()
	end := start
	for i, f := range d.files {
		if !f.meta.Start.Equal(end) || !f.sealed || f.end.Sub(f.meta.Start) > 2*length+time.Second {
			t.Errorf("segment %d: %v to %v, sealed %v; the one before ended at %v", i, f.meta.Start, f.end, f.sealed, end)
		}
		end = f.end
	}
	if !end.Equal(parts[19].End) || len(d.files) < 3 {
		t.Errorf("%d segments up to %v", len(d.files), end)
	}
	for _, line := range d.log[:len(d.log)-1] { // the last one is of Close
		if strings.Contains(line, "gap") {
			t.Errorf("gaps: %q", d.log)
		}
	}
}

func feed(r *recorder.Recorder, parts []*media.Part) {
	for _, p := range parts {
		r.Part(p)
	}
}

// check reads what a file holds.
func check(t *testing.T, f *file) {
	t.Helper()
	if f.parts == 0 {
		return
	}
	s, err := segment.Open(bytes.NewReader(f.bytes.Bytes()), int64(f.bytes.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Parts) != f.parts || len(s.Damage) != 0 || s.Sealed != f.sealed || !s.Parts[0].RandomAccess {
		t.Errorf("segment from %v: %d parts of %d, sealed %v, damage %v", f.meta.Start, len(s.Parts), f.parts, s.Sealed, s.Damage)
	}
	footage.Play(t, f.bytes.Bytes())
}

func TestNeverRecordsNothing(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Width: 64})
	d := &disk{}
	r := recorder.New(recorder.Options{Camera: "gate", Stream: "sub", Store: d})
	r.Down(start, streams.CauseStarting, "")
	feed(r, runParts(clip, "00000001", start, 6))
	r.Down(start, streams.CauseOffline, "")
	r.Close()
	if d := cmp.Diff([]string{"0s gap not-scheduled"}, d.log); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(d.files) > 0 || r.Status().Recording {
		t.Errorf("%d files", len(d.files))
	}
}

// S9: segments are as long as asked, tile exactly, and cuts of cameras are spread.
func TestSegmentLengthAndStagger(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Length: 30 * time.Second, Width: 64})
	cuts := map[time.Duration]int{}
	for i := range 40 {
		d := &disk{}
		camera := fmt.Sprintf("camera-%d", i)
		r := recorder.New(recorder.Options{Camera: camera, Stream: "main", Store: d, Record: true, Segment: 10 * time.Second})
		feed(r, runParts(clip, "00000001", start, 30))
		r.Close()
		for j, f := range d.files {
			if j > 0 && !f.meta.Start.Equal(d.files[j-1].end) {
				t.Errorf("%s: segment from %v follows one that ends %v", camera, f.meta.Start, d.files[j-1].end)
			}
			if length := f.end.Sub(f.meta.Start); length > 12*time.Second || (j > 0 && j < len(d.files)-1 && length < 8*time.Second) {
				t.Errorf("%s: segment %d is %v long", camera, j, length)
			}
		}
		if len(d.files) < 3 || !slices.ContainsFunc(d.log, func(s string) bool { return strings.HasSuffix(s, "footage") }) {
			t.Fatalf("%s: %d segments, %v", camera, len(d.files), d.log)
		}
		cuts[d.files[1].meta.Start.Sub(start)]++
	}
	for at, n := range cuts {
		if n > 20 {
			t.Errorf("%d of 40 cameras cut at %v", n, at)
		}
	}
	if len(cuts) < 4 {
		t.Errorf("cuts are not spread: %v", cuts)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	clip := footage.Encode(t, footage.Options{Width: 64})
	d := &disk{}
	r := recorder.New(recorder.Options{Camera: "gate", Stream: "main", Store: d, Record: true})
	parts := runParts(clip, "00000001", start, 4)
	parts[1].Lost = 3
	feed(r, parts)
	s := r.Status()
	if !s.Recording || !s.Since.Equal(start) || !s.Until.Equal(start.Add(4*time.Second)) || s.Parts != 4 || s.Lost != 3 ||
		s.SegmentBytes != int64(d.files[0].bytes.Len()) {
		t.Errorf("recording: %+v", s)
	}
	r.Down(start.Add(4*time.Second), streams.CauseOffline, "no route")
	s = r.Status()
	if s.Recording || s.Reason != storage.ReasonCameraOffline || s.Detail != "no route" || !s.Since.Equal(start.Add(4*time.Second)) || s.Segments != 1 {
		t.Errorf("down: %+v", s)
	}
}

var _ storage.Probe = recorder.Probe

func TestProbeIsTheSegments(t *testing.T) {
	t.Parallel()
	if _, err := recorder.Probe(failing{}, 100, 0); err == nil {
		t.Error("a disk that cannot be read is not a file that ends")
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, io.ErrUnexpectedEOF }
