package recorder_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stockade-nvr/stockade/internal/long"
	"github.com/stockade-nvr/stockade/recorder"
	"github.com/stockade-nvr/stockade/recorder/internal/footage"
	"github.com/stockade-nvr/stockade/recorder/segment"
	"github.com/stockade-nvr/stockade/storage"
	"github.com/stockade-nvr/stockade/streams"
	"github.com/stockade-nvr/stockade/streams/media"
)

// recordInto names, in the environment, the directory that this test binary is
// to record into until it is killed.
const recordInto = "STOCKADE_TEST_RECORD_INTO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(recordInto); dir != "" {
		if err := recordUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func openStore(dir string) (*storage.Store, error) {
	return storage.OpenStore(storage.Options{
		State: filepath.Join(dir, "state"), Volumes: []storage.VolumeOptions{{Path: filepath.Join(dir, "volume")}},
		Durability: 200 * time.Millisecond, Probe: recorder.Probe,
	})
}

// recordUntilKilled records the script on its standard input. It prints the
// pictures handed over so far with each part, and ends only with an error.
func recordUntilKilled(dir string) error {
	store, err := openStore(dir)
	if err != nil {
		return err
	}
	go func() {
		if err := store.Run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	var script script
	if err := gob.NewDecoder(os.Stdin).Decode(&script); err != nil {
		return err
	}
	r := recorder.New(recorder.Options{
		Camera: "gate", Stream: "main", Store: recorder.OnDisk(store), Record: true,
		Segment: 5 * time.Second, Software: "test",
	})
	run := footage.Run("gate", "00000001", time.Now().UTC())
	r.Down(run.Start, streams.CauseStarting, "")
	for store.Status().Volumes[0].Commits == 0 {
		time.Sleep(time.Millisecond)
	}
	pictures := 0
	a := media.NewAssembler(media.AssemblerOptions{
		Run: run, Tracks: script.Tracks,
		Format: func(*media.Format) {},
		Unit:   func(*media.AccessUnit) {},
		Error:  func(err error) { fmt.Fprintln(os.Stderr, err) },
		Part: func(p *media.Part) {
			for _, t := range p.Tracks {
				if p.Format.Tracks[t.Track].Codec.Video() {
					pictures += len(t.Samples)
				}
			}
			r.Part(p)
			fmt.Println(pictures)
		},
	})
	for _, p := range script.Packets {
		if err := a.Packet(p.Track, p.Header, p.Payload, run.Start.Add(p.At)); err != nil {
			return err
		}
		for store.Status().Volumes[0].QueueBytes > 0 { // a camera sends no faster than the disk writes
			time.Sleep(time.Millisecond)
		}
	}
	select {} // until killed
}

// script is what the process that will be killed records.
type script struct {
	Tracks  []media.Track
	Packets []footage.Packet
}

// S1, S2: real footage through assembler, recorder and storage; the process is
// killed; the next start recovers all but the part that was being made, and
// every file plays.
func TestKill(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]footage.Options{
		"H.264":          {Length: 16 * time.Second, Width: 320},
		"H.265 with AAC": {Codec: media.H265, Audio: true, Length: 16 * time.Second},
		"H.264, B, AAC":  {BFrames: true, Audio: true, Length: 16 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clip := footage.Encode(t, o)
			for i := range long.Times(2, 40) { // 120 kills in all
				killAfter(t, clip, 2+i*9%13)
			}
		})
	}
}

// killAfter records a clip in a process that is killed after some parts.
func killAfter(t *testing.T, clip *footage.Clip, parts int) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"state", "volume"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	handed := recordAndKill(t, clip, dir, parts)

	store := recoveredStore(t, dir)
	now := time.Now()
	segments, err := store.Segments("gate", "main", now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	var end time.Time
	for i, s := range segments {
		if i > 0 && !s.Start.Equal(end) {
			t.Errorf("segment %d begins %v after the end of the one before", i, s.Start.Sub(end))
		}
		end = s.End
		played += footage.PlayFile(t, filepath.Join(dir, "volume", s.Path))
		checkSegment(t, store, s)
	}
	if i := slices.Index(handed, played); i < parts-2 { // the one being written may be lost
		t.Errorf("killed after part %d: %d pictures recovered, handed over %v", parts, played, handed)
	}
	gaps, err := store.Gaps("gate", "main", now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(gaps); n == 0 || !gaps[n-1].From.Equal(end) || gaps[n-1].Reason != storage.ReasonRecorderDown || !gaps[n-1].To.IsZero() {
		t.Errorf("after the end of the footage %v: gaps %+v", end, gaps)
	}
}

// recoveredStore opens what the killed process left, and waits until it is indexed.
func recoveredStore(t *testing.T, dir string) *storage.Store {
	t.Helper()
	store, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, store.Close()); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); store.Status().Volumes[0].Commits == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no commit: %+v", store.Status())
		}
	}
	return store
}

// checkSegment compares what the index says with what the file says.
func checkSegment(t *testing.T, store *storage.Store, s storage.Segment) {
	t.Helper()
	r, err := store.OpenSegment(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := segment.Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	last := f.Parts[len(f.Parts)-1]
	if len(f.Damage) > 0 || !f.Start.Equal(s.Start) || !last.End.Equal(s.End) || f.Sealed != (s.State == storage.Sealed) {
		t.Errorf("%s: index says %v to %v, state %d; file %v to %v, sealed %v, damage %v",
			s.Path, s.Start, s.End, s.State, f.Start, last.End, f.Sealed, f.Damage)
	}
}

// recordAndKill gives the pictures that were handed over after each part.
func recordAndKill(t *testing.T, clip *footage.Clip, dir string, parts int) []int {
	t.Helper()
	var s script
	s.Tracks, s.Packets = clip.Packets(t)
	var input bytes.Buffer
	if err := gob.NewEncoder(&input).Encode(s); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), recordInto+"="+dir)
	cmd.Stdin = &input
	var fault bytes.Buffer
	cmd.Stderr = &fault
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var handed []int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
			t.Fatal(err)
		}
		handed = append(handed, n)
		if len(handed) == parts {
			_ = cmd.Process.Kill() // what it printed meanwhile is still read
		}
	}
	_ = cmd.Wait() // killed
	if len(handed) < parts || fault.Len() > 0 {
		t.Fatalf("%d parts, %s", len(handed), fault.String())
	}
	return handed
}
