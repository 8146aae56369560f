package media

// maxReorder is the largest depth of reordering that the codecs know
// (ISO/IEC 14496-10 section A.3.1, max_num_reorder_frames).
const maxReorder = 16

// reorder derives DTS from PTS: the PTS in order, delayed by as many pictures
// as may be decoded before and shown after another one. It needs neither slice
// headers nor a stream without losses. A depth that the parameter sets do not
// state is learnt from the pictures; until then a picture may be shown before
// its DTS, which the signed composition offsets of a track run can say.
type reorder struct {
	depth  int
	sorted [maxReorder + 1]MediaTime // the last units' PTS that have not become a DTS
	n      int
	recent [maxReorder]MediaTime // the last PTS, in a ring
	seen   int
	begun  bool
	last   MediaTime // the DTS before
}

// next gives the DTS of the next unit in decoding order: strictly increasing.
func (r *reorder) next(pts MediaTime) MediaTime {
	r.learn(pts)
	i := r.n
	for ; i > 0 && r.sorted[i-1] > pts; i-- {
		r.sorted[i] = r.sorted[i-1]
	}
	r.sorted[i] = pts
	r.n++

	dts := r.last + 1 // while the first pictures are gathered
	for r.n > r.depth {
		dts = r.sorted[0]
		r.shift()
	}
	switch {
	case !r.begun:
		r.begun, dts = true, pts
	case dts <= r.last:
		dts = r.last + 1
	}
	r.last = dts
	return dts
}

func (r *reorder) shift() {
	copy(r.sorted[:], r.sorted[1:r.n])
	r.n--
}

// learn raises the depth to the number of recent pictures shown after this one.
func (r *reorder) learn(pts MediaTime) {
	later := 0
	for _, p := range r.recent[:min(r.seen, len(r.recent))] {
		if p > pts {
			later++
		}
	}
	r.depth = max(r.depth, later)
	r.recent[r.seen%len(r.recent)] = pts
	r.seen++
}
