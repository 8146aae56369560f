package segment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stockade-nvr/stockade/streams/media"
)

// Description is what a segment says of itself: the JSON text of its uuid box.
type Description struct {
	Format   int       `json:"format"` // FormatVersion of the writer
	Camera   string    `json:"camera"`
	Stream   string    `json:"stream"`
	Run      string    `json:"run"`
	RunStart time.Time `json:"run_start"`
	Start    time.Time `json:"start"` // capture time of the first sample of the leading track
	Software string    `json:"software"`
	Leading  int       `json:"leading"` // index of the leading track: the first video track, else the first
	Tracks   []Track   `json:"tracks"`
}

// Track is one track of a segment. Its decoder configuration is in the moov.
type Track struct {
	ID         uint32          `json:"id"` // track_ID in the moov
	Codec      string          `json:"codec"`
	ClockRate  int             `json:"clock_rate"` // ticks per second
	Base       media.MediaTime `json:"base"`       // the run's media time at movie time 0, ticks
	Width      int             `json:"width,omitempty"`
	Height     int             `json:"height,omitempty"`
	SampleRate int             `json:"sample_rate,omitempty"`
	Channels   int             `json:"channels,omitempty"`
}

// trackID is the track_ID that the init gives to the track of an index.
func trackID(index int) uint32 { return uint32(index) + 1 }

func describe(first *media.Part, software string) Description {
	d := Description{
		Format:   FormatVersion,
		Camera:   first.Run.Camera,
		Stream:   first.Run.Stream,
		Run:      first.Run.ID,
		RunStart: first.Run.Start.UTC(),
		Start:    first.Start.UTC(),
		Software: software,
		Leading:  max(first.Format.Video(), 0),
	}
	for i, t := range first.Format.Tracks {
		d.Tracks = append(d.Tracks, Track{
			ID: trackID(i), Codec: t.Codec.String(), ClockRate: t.ClockRate,
			Width: t.Width, Height: t.Height, SampleRate: t.SampleRate, Channels: t.Channels,
		})
	}
	d.setBase(first)
	return d
}

// setBase makes movie time 0 the earliest decode time in the first part.
func (d *Description) setBase(first *media.Part) {
	for i, tp := range first.Tracks {
		rate := d.Tracks[tp.Track].ClockRate
		moved := make([]media.MediaTime, len(d.Tracks))
		for j := range d.Tracks {
			moved[j] = tp.BaseDTS.Rescale(rate, d.Tracks[j].ClockRate)
		}
		if i > 0 && moved[d.Leading] >= d.Tracks[d.Leading].Base {
			continue
		}
		for j := range d.Tracks {
			d.Tracks[j].Base = moved[j]
		}
	}
}

// appendDescription appends the description box. dst is the file so far (ftyp
// and moov): the checksum covers it, too, and is the file's origin.
func appendDescription(dst []byte, d *Description) ([]byte, origin, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, 0, fmt.Errorf("describe segment: %w", err)
	}
	sum := sumWith(checksum(dst), text)
	dst = appendUUID(dst, uint32(uuidHeaderSize+4+len(text)), descriptionType)
	dst = binary.BigEndian.AppendUint32(dst, sum)
	return append(dst, text...), origin(sum), nil
}

var errDescription = errors.New("description: not of this format")

// parseDescription reads the text of a description and checks what a reader
// relies on.
func parseDescription(text []byte) (Description, error) {
	var d Description
	if err := json.Unmarshal(text, &d); err != nil {
		return Description{}, fmt.Errorf("description: %w", err)
	}
	if d.Format != FormatVersion || d.Leading < 0 || d.Leading >= len(d.Tracks) {
		return Description{}, errDescription
	}
	for _, t := range d.Tracks {
		if t.ClockRate <= 0 {
			return Description{}, errDescription
		}
	}
	return d, nil
}
