package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"sync"
	"syscall"
)

// ErrPowerLost is what every call returns after Crash.
var ErrPowerLost = errors.New("vfs: power lost")

// Call is what a Fault's hook is asked about.
type Call struct {
	Op   string // open, mkdir, rename, remove, readdir, stat, space, read, write, truncate, preallocate, sync, syncfs, lock
	Name string // the path it was opened by
}

// Fault is a file system in memory for tests. It remembers what was made
// durable by which sync, fails or delays calls as its hook says, and loses
// power. The zero value is not ready: use NewFault.
type Fault struct {
	hookMu sync.Mutex
	hook   func(Call) error

	mu       sync.Mutex // guards everything below, and all nodes
	root     *node
	capacity int64
	used     int64
	mounts   uint64 // made by Mount: each has a device of its own
	dead     bool
}

// NewFault makes an empty file system that takes so many bytes.
func NewFault(capacity int64) *Fault {
	return &Fault{root: newDir(1), capacity: capacity}
}

// SetHook has every call ask first: an error fails the call, and the hook may
// take its time. It runs without locks, in the caller's goroutine.
func (f *Fault) SetHook(hook func(Call) error) {
	f.hookMu.Lock()
	defer f.hookMu.Unlock()
	f.hook = hook
}

// SetCapacity changes the room there is, in bytes.
func (f *Fault) SetCapacity(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capacity = bytes
}

// Mount makes a directory with its parents, durable, as a file system of its own.
func (f *Fault) Mount(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.root
	for _, part := range split(name) {
		next := at.now[part]
		if next == nil {
			next = newDir(at.device)
			at.now[part], at.kept[part] = next, next
		}
		at = next
	}
	f.mounts++
	at.device = f.root.device + f.mounts
}

// enter asks the hook, then locks. The caller unlocks if there is no error.
func (f *Fault) enter(op, name string) error {
	f.hookMu.Lock()
	hook := f.hook
	f.hookMu.Unlock()
	if hook != nil {
		if err := hook(Call{Op: op, Name: name}); err != nil {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return &fs.PathError{Op: op, Path: name, Err: ErrPowerLost}
	}
	return nil
}

func split(name string) []string {
	return strings.FieldsFunc(path.Clean(name), func(r rune) bool { return r == '/' })
}

// lookup finds a node, or says ENOENT or ENOTDIR.
func (f *Fault) lookup(name string) (*node, error) {
	at := f.root
	for _, part := range split(name) {
		if !at.dir {
			return nil, syscall.ENOTDIR
		}
		if at = at.now[part]; at == nil {
			return nil, syscall.ENOENT
		}
	}
	return at, nil
}

// parent finds the directory that a name lies in.
func (f *Fault) parent(name string) (dir *node, base string, err error) {
	dir, err = f.lookup(path.Dir(name))
	if err == nil && !dir.dir {
		err = syscall.ENOTDIR
	}
	return dir, path.Base(name), err
}

// OpenFile opens or makes a file, or opens a directory.
func (f *Fault) OpenFile(name string, flag int, _ os.FileMode) (File, error) {
	if err := f.enter("open", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n, err := f.open(name, flag)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &faultFile{fs: f, node: n, name: name, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}, nil
}

func (f *Fault) open(name string, flag int) (*node, error) {
	n, err := f.lookup(name)
	switch {
	case err == nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, syscall.EEXIST
	case err == nil && n.dir && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return nil, syscall.EISDIR
	case err == nil && flag&os.O_TRUNC != 0:
		f.used -= int64(len(n.content))
		n.truncate(0)
		return n, nil
	case err == nil || !errors.Is(err, syscall.ENOENT) || flag&os.O_CREATE == 0:
		return n, err
	}
	dir, base, err := f.parent(name)
	if err != nil {
		return nil, err
	}
	n = &node{device: dir.device, dirty: map[int64]bool{}}
	dir.set(entries{base: n})
	return n, nil
}

// Mkdir makes a directory.
func (f *Fault) Mkdir(name string, _ os.FileMode) error {
	return f.change("mkdir", name, func(dir *node, base string) error {
		if dir.now[base] != nil {
			return syscall.EEXIST
		}
		dir.set(entries{base: newDir(dir.device)})
		return nil
	})
}

// Remove deletes a file or an empty directory.
func (f *Fault) Remove(name string) error {
	return f.change("remove", name, func(dir *node, base string) error {
		n := dir.now[base]
		switch {
		case n == nil:
			return syscall.ENOENT
		case n.dir && len(n.now) > 0:
			return syscall.ENOTEMPTY
		}
		f.used -= int64(len(n.content))
		dir.set(entries{base: nil})
		return nil
	})
}

// Rename replaces to by from; both must lie in one directory.
func (f *Fault) Rename(from, to string) error {
	return f.change("rename", from, func(dir *node, base string) error {
		n := dir.now[base]
		switch {
		case n == nil:
			return syscall.ENOENT
		case path.Dir(path.Clean(from)) != path.Dir(path.Clean(to)):
			return syscall.EXDEV
		}
		if old := dir.now[path.Base(to)]; old != nil {
			f.used -= int64(len(old.content))
		}
		dir.set(entries{base: nil, path.Base(to): n})
		return nil
	})
}

// change does something to the directory that a name lies in.
func (f *Fault) change(op, name string, do func(dir *node, base string) error) error {
	if err := f.enter(op, name); err != nil {
		return err
	}
	defer f.mu.Unlock()
	dir, base, err := f.parent(name)
	if err == nil {
		err = do(dir, base)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// ReadDir lists a directory.
func (f *Fault) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.enter("readdir", name); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	dir, err := f.lookup(name)
	if err == nil && !dir.dir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	list := make([]fs.DirEntry, 0, len(dir.now))
	for base, n := range dir.now {
		list = append(list, dirEntry{base, n.dir})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, nil
}

// Stat describes a path.
func (f *Fault) Stat(name string) (Stat, error) {
	if err := f.enter("stat", name); err != nil {
		return Stat{}, err
	}
	defer f.mu.Unlock()
	n, err := f.lookup(name)
	if err != nil {
		return Stat{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return Stat{Size: int64(len(n.content)), Dir: n.dir, Device: n.device}, nil
}

// Space tells the room that is left of the capacity.
func (f *Fault) Space(name string) (Space, error) {
	if err := f.enter("space", name); err != nil {
		return Space{}, err
	}
	defer f.mu.Unlock()
	if _, err := f.lookup(name); err != nil {
		return Space{}, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	return Space{Free: max(0, f.capacity-f.used), Total: f.capacity}, nil
}

// dirEntry is a name in a listing.
type dirEntry struct {
	name string
	dir  bool
}

func (e dirEntry) Name() string               { return e.name }
func (e dirEntry) IsDir() bool                { return e.dir }
func (e dirEntry) Info() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
func (e dirEntry) Type() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}
