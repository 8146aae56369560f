package storage

// maxUnindexed bounds the rows that wait for an index that cannot be written.
// Over it segments and gaps are dropped: the ledgers have them, and since the
// index's heads stay behind, the next start reads them from there. Deletions
// are never dropped: their files wait for the mark, and there is one batch of
// them at most.
const maxUnindexed = 50_000

// writeIndex brings the index up to what the ledgers state (S3). A failure
// costs nothing but listings: rows wait for the next commit.
func (s *session) writeIndex() error {
	for len(s.committer.unindexed) > 0 {
		b := s.committer.unindexed[0]
		if s.committer.dropped {
			b.heads = nil
		}
		if err := s.store.index.apply(b); err != nil {
			s.store.indexFailed(err)
			s.bound()
			s.setBehind(true)
			return err
		}
		s.store.indexFailed(nil)
		s.committer.unindexed = s.committer.unindexed[1:]
		s.indexed(b)
	}
	s.committer.unindexed = nil
	s.setBehind(false)
	return nil
}

// setBehind tells the reaper whether the index lacks something of this volume.
func (s *session) setBehind(behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = behind
}

// indexed forgets what the index now knows, and lets the reaper unlink.
func (s *session) indexed(b *batch) {
	s.mu.Lock()
	for _, row := range b.put {
		delete(s.segments, row.Path)
	}
	if b.earlier {
		s.earlier = append(s.earlier, b.doomed...)
	} else {
		s.toUnlink = append(s.toUnlink, b.doomed...)
	}
	s.mu.Unlock()
	for _, row := range b.doomed {
		s.store.unwant(s.id, row.Path)
	}
	s.store.gaps.indexed(b.gaps)
	if len(b.doomed) > 0 {
		s.wakeReaper()
	}
}

// bound drops what waits once it is too much.
func (s *session) bound() {
	rows := 0
	for _, b := range s.committer.unindexed {
		rows += len(b.put) + len(b.gaps)
	}
	if rows <= maxUnindexed {
		return
	}
	s.log.Error("index rows dropped", "volume", s.root, "rows", rows)
	s.committer.dropped = true
	s.mu.Lock()
	for _, b := range s.committer.unindexed {
		for _, row := range b.put {
			delete(s.segments, row.Path)
		}
	}
	s.mu.Unlock()
	kept := &batch{volume: s.number}
	for _, b := range s.committer.unindexed {
		s.store.gaps.indexed(b.gaps)
		kept.doomed, kept.earlier = append(kept.doomed, b.doomed...), kept.earlier || b.earlier
		kept.forget = append(kept.forget, b.forget...)
	}
	s.committer.unindexed = []*batch{kept}
}

func (s *session) wakeReaper() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}
