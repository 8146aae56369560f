package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// The defaults of Options.
const (
	DefaultDurability   = time.Second
	DefaultMemoryBudget = 64 << 20 // bytes
	DefaultPreallocate  = 32 << 20 // bytes
)

// Options say where footage is kept and for how long.
type Options struct {
	State   string          // directory of index.db, created if missing; may lie off the volumes
	Volumes []VolumeOptions // at least one

	// Durability is the least time between two commits of a volume, and so
	// what a power cut may cost (S2); default 1 s.
	Durability time.Duration
	// MemoryBudget bounds the bytes waiting to be written, per volume; default 64 MiB (S4).
	MemoryBudget int64
	// Preallocate is the largest step, in bytes, by which space is set aside
	// behind the end of a growing segment; default 32 MiB, negative for none.
	Preallocate int64

	Retention Retention
	Probe     Probe // required: tells how far a segment's file is good

	FS  vfs.FS           // default the operating system's
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default none
}

// VolumeOptions name one directory that footage is kept in, usually the root
// of a file system of its own.
type VolumeOptions struct {
	Path    string
	Reserve int64 // bytes kept free by deleting the oldest footage
	// Replaced takes what is mounted here although the index knows another
	// volume under this path: for an admin who changed the disk on purpose.
	Replaced bool
}

// Retention says how long footage is kept where space allows.
type Retention struct {
	Keep    time.Duration            // gone after; 0 keeps until space is needed
	Cameras map[string]time.Duration // overrides Keep for a camera; 0 keeps until space is needed
}

// of gives how long a camera's footage is kept; 0 for as long as there is space.
func (r Retention) of(camera string) time.Duration {
	if keep, ok := r.Cameras[camera]; ok {
		return keep
	}
	return r.Keep
}

// clone makes a copy that the caller's later changes do not reach.
func (r Retention) clone() Retention {
	r.Cameras = maps.Clone(r.Cameras)
	return r
}

// complete checks the options and fills in defaults.
func (o Options) complete() (Options, error) {
	switch {
	case o.State == "":
		return o, errors.New("storage: no state directory")
	case len(o.Volumes) == 0:
		return o, errors.New("storage: no volume")
	case o.Probe == nil:
		return o, errors.New("storage: no probe")
	}
	seen := map[string]bool{}
	for _, v := range o.Volumes {
		switch {
		case v.Path == "":
			return o, errors.New("storage: a volume without path")
		case seen[v.Path]:
			return o, fmt.Errorf("storage: volume %s is listed twice", v.Path)
		case v.Reserve < 0:
			return o, fmt.Errorf("storage: volume %s: negative reserve", v.Path)
		}
		seen[v.Path] = true
	}
	if o.Durability <= 0 {
		o.Durability = DefaultDurability
	}
	if o.MemoryBudget <= 0 {
		o.MemoryBudget = DefaultMemoryBudget
	}
	if o.Preallocate == 0 {
		o.Preallocate = DefaultPreallocate
	}
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Retention = o.Retention.clone()
	return o, nil
}
