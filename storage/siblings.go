package storage

import (
	"path"
	"slices"

	"github.com/stockade-nvr/stockade/storage/vfs"
)

// recallVolumes has an index that was lost know the volumes again, from the
// checkpoints of those that are there: else the empty mount point of one that
// is away would be taken for a new volume, and what it holds be forgotten.
func (s *Store) recallVolumes() error {
	rows, err := s.index.volumes()
	if err != nil {
		return err
	}
	for _, v := range s.volumes {
		if row := v.known(rows); row.ID != "" {
			s.knowVolume(volumeRef{row.ID, v.path})
		}
	}
	if complete, err := s.index.complete(); complete || err != nil {
		return err
	}
	for _, v := range s.volumes {
		for _, ref := range lastVolumes(s.opts.FS, v.path) {
			of := slices.IndexFunc(s.volumes, func(v *volume) bool { return v.path == ref.path })
			if of < 0 || s.volumes[of].replaced || s.knows(ref.path) {
				continue
			}
			// Seen is zero: what is found to be mounted there later counts more.
			if _, err := s.index.putVolume(volumeRow{ID: ref.id, Path: ref.path, Rebuild: true}); err != nil {
				return err
			}
			s.knowVolume(ref)
		}
	}
	return nil
}

// lastVolumes reads, without changing anything, which volumes the recorder had
// at a volume's last commit; none if that cannot be read.
func lastVolumes(fsys vfs.FS, root string) []volumeRef {
	id, err := readIdentity(fsys, root)
	if err != nil {
		return nil
	}
	var newest *checkpoint
	for _, name := range []string{checkpointNameA, checkpointNameB} {
		if st, err := fsys.Stat(path.Join(root, name)); err != nil || st.Size > maxCheckpoint {
			continue
		}
		content, err := readFile(fsys, path.Join(root, name))
		if err != nil {
			continue
		}
		c, err := decodeCheckpoint(content)
		if err == nil && c.volume == id.ID && (newest == nil || c.sequence > newest.sequence) {
			newest = c
		}
	}
	if newest == nil {
		return nil
	}
	return newest.volumes
}

func (s *Store) knowVolume(ref volumeRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[ref.path] = ref.id
}

func (s *Store) knows(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[path] != ""
}

// volumeRefs is what the next checkpoint of each volume says.
func (s *Store) volumeRefs() (refs []volumeRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.volumes {
		if id := s.known[v.path]; id != "" {
			refs = append(refs, volumeRef{id, v.path})
		}
	}
	return refs
}
