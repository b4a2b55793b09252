package sparse

import (
	"context"
	"math"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// scratch is the memory of one search, pooled, for one goroutine at a time.
type scratch struct {
	scorer
	top     vecindex.TopK
	bound   uint64 // top's
	least   uint32 // the sum below which no row can be a hit; 0 until there are K hits
	plan    plan
	waiting [16]candidate
	waits   int             // how many wait
	touched float32         // so that reads ahead are not left out
	sums    vec.Sums        // zeros between windows
	places  [1 << 16]uint16 // that a kernel found
	values  [1 << 16]uint16 // sums of places
	dims    []uint32        // of the query's terms, of weights that are not 0
	weights []float32
	sizes   []float32 // sorted sizes of weights
}

// Search implements vecindex.Index.
func (x *index) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := checkQuery(q); err != nil {
		return out, err
	}
	r, err := x.rule(&q.Params.Sparse.BM25)
	if err != nil {
		return out, err
	}
	if q.Range != nil {
		return vecindex.RangeSearch(ctx, x, x.metric, q, out)
	}
	f := vecindex.NewFilter(x.src.Rows(), x.nodes, q)
	if f.Allowed == 0 {
		return out, ctx.Err()
	}
	s := x.scratches.Get().(*scratch)
	defer func() {
		s.rows, s.length = vecindex.SparseRows{}, nil // not ours
		x.scratches.Put(s)
	}()
	s.terms(q)
	s.set(s.dims, s.weights)
	s.rows, s.length = x.src.SparseRows(), x.lens
	s.setRule(r)
	s.top.Reset(min(q.K, f.Allowed))
	s.bound, s.least, s.waits = s.top.Bound(), 0, 0
	if x.arrange(s, &f, r, q.Params.Sparse.MaxScore) {
		err = x.searchWindows(ctx, s, &f, q.Skip)
	} else {
		err = s.scan(ctx, &f)
	}
	if err != nil {
		return out, err
	}
	return s.top.Hits(x.metric, out), nil
}

// scan compares all rows that may be returned.
func (s *scratch) scan(ctx context.Context, f *vecindex.Filter) error {
	for row := range uint32(f.Limit) {
		if row%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if f.Passes(row) {
			s.offer(row)
		}
	}
	return ctx.Err()
}

// offer compares a row. It reports whether the bound has changed.
func (s *scratch) offer(row uint32) bool {
	score := s.score(row)
	if !(score > 0) {
		return false
	}
	key := vecindex.Key(0-score, row)
	if key >= s.bound {
		return false
	}
	s.top.Offer(key)
	s.bound = s.top.Bound()
	return s.bound != math.MaxUint64
}

// raise sets the least sum of a hit, now that the bound is another one. Rows of
// the same score as the last hit may still be hits, by their number.
func (s *scratch) raise() {
	if score := float64(0 - vecindex.KeyDist(s.bound)); score > 1e-30 {
		s.least = uint32(min(score*s.plan.scale*s.plan.slack, math.MaxUint16))
	}
}

// primed is how many of the windows with the largest bounds are searched first,
// so that the others can be passed over.
const primed = 2

// searchWindows searches all windows that may have hits.
func (x *index) searchWindows(ctx context.Context, s *scratch, f *vecindex.Filter, skip []uint64) error {
	bounds := s.plan.bounds
	if len(bounds) > 2*primed {
		for range primed {
			best := 0
			for w, b := range bounds {
				if b > bounds[best] {
					best = w
				}
			}
			if bounds[best] == 0 {
				return ctx.Err() // all are done
			}
			x.searchWindow(s, f, best)
			s.compare()
			bounds[best] = 0
		}
	}
	few := !f.All && 64*f.Allowed < f.Limit
	for w, b := range bounds {
		if w%64 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if b == 0 || b < s.least || few && allSkipped(skip, w<<x.shift, (w+1)<<x.shift) {
			continue
		}
		x.searchWindow(s, f, w)
	}
	s.compare()
	return ctx.Err()
}

// allSkipped reports whether skip has all rows [from, to), multiples of 64.
func allSkipped(skip []uint64, from, to int) bool {
	if to/64 > len(skip) {
		return false
	}
	for _, w := range skip[from/64 : to/64] {
		if w != math.MaxUint64 {
			return false
		}
	}
	return true
}

// window is what a search knows of the window that it is in.
type window struct {
	number int
	first  uint32 // row
	out    []run  // those that are not in the sums
	rest   uint32 // what these add at most
}

// slackShare is how much of the least sum may be left out: the more, the less
// there is to add up and the more rows have to be looked at.
const slackShare = 0.3

// searchWindow offers the rows of a window that may be hits. Runs are left out
// of the sums as long as rows that are in these alone cannot be hits.
func (x *index) searchWindow(s *scratch, f *vecindex.Filter, number int) {
	runs := s.plan.runs[s.plan.starts[number]:s.plan.starts[number+1]]
	w := window{number: number, first: uint32(number << x.shift)}
	spare, n := uint32(slackShare*float64(s.least)), 0
	for n < len(runs)-1 && w.rest+runs[n].bound < spare {
		w.rest += runs[n].bound
		n++
	}
	w.out, runs = runs[:n], runs[n:]
	least := max(1, int(s.least)-int(w.rest))
	if len(runs) == 1 {
		x.searchOne(s, f, &w, runs[0], least)
		return
	}
	entries, dense := x.sum(s, number, runs)
	if !dense && entries <= fewEntries {
		x.searchFew(s, f, &w, runs, least)
		return
	}
	found := x.kern.TakeSums(&s.sums, 1<<x.shift, uint16(least), s.places[:], s.values[:])
	for i, id := range s.places[:found] {
		x.consider(s, f, &w, id, uint32(s.values[i]))
	}
}

// fewEntries is up to how many entries it is quicker to look at their sums one
// after the other than at all sums of a window.
const fewEntries = 128

// entries returns those of a run without a map.
func (x *index) entries(r uint32) ([]uint16, []byte) {
	from, to := x.ats[r], x.ats[r+1]
	return x.ids[from:to], x.codes[from:to]
}

// sum adds up runs. It returns how many entries they have and whether one is in
// a map.
func (x *index) sum(s *scratch, number int, runs []run) (entries int, dense bool) {
	for _, r := range runs {
		t := &s.plan.terms[r.term]
		if t.dense > 0 {
			x.kern.AddDense(&s.sums, x.denseMap(t.dense, number), t.factor)
			dense = true
			continue
		}
		ids, codes := x.entries(r.run)
		vec.AddCodes(&s.sums, ids, codes, &t.table)
		entries += len(ids)
	}
	return entries, dense
}

// searchOne searches a window with one run left: by its codes.
func (x *index) searchOne(s *scratch, f *vecindex.Filter, w *window, r run, least int) {
	t := &s.plan.terms[r.term]
	var ids []uint16
	var codes []byte
	if t.dense > 0 {
		codes = x.denseMap(t.dense, w.number)
	} else {
		ids, codes = x.entries(r.run)
	}
	code := max(1, ((least-1)*256+int(t.factor)-1)/int(t.factor)) // the least that adds so much
	if code > 255 {
		return
	}
	found := x.kern.CodesFrom(codes, byte(code), s.places[:])
	for _, at := range s.places[:found] {
		id := at
		if ids != nil {
			id = ids[at]
		}
		x.consider(s, f, w, id, uint32(vec.Scale(codes[at], t.factor)))
	}
}

// searchFew looks at the sums of the entries and makes them zeros.
func (x *index) searchFew(s *scratch, f *vecindex.Filter, w *window, runs []run, least int) {
	for _, r := range runs {
		ids, _ := x.entries(r.run)
		for _, id := range ids {
			sum := s.sums[id]
			s.sums[id] = 0
			if int(sum) >= least {
				x.consider(s, f, w, id, uint32(sum))
			}
		}
	}
}

// consider offers a row of a window with that sum, if it may be a hit.
func (x *index) consider(s *scratch, f *vecindex.Filter, w *window, id uint16, sum uint32) {
	if sum+w.rest < s.least {
		return
	}
	row := w.first + uint32(id)
	if int64(row) >= int64(f.Limit) || !f.All && !f.Passes(row) {
		return
	}
	rest := w.rest
	for i := len(w.out) - 1; i >= 0; i-- {
		r := w.out[i]
		t := &s.plan.terms[r.term]
		if t.dense == 0 {
			continue
		}
		rest -= r.bound
		sum += uint32(vec.Scale(x.denseMap(t.dense, w.number)[id], t.factor))
		if sum+rest < s.least {
			return
		}
	}
	if s.least == 0 {
		if s.offer(row) {
			s.raise()
		}
		return
	}
	s.waiting[s.waits] = candidate{row: row, most: sum + rest}
	if s.waits++; s.waits == len(s.waiting) {
		s.compare()
	}
}

// candidate is a row that is to be compared, and the most that its sum can be.
type candidate struct {
	row, most uint32
	at        uint64 // of its elements
}

// compare offers the rows that wait. Their parts are read once before, one row
// right after the other, so that they are on their way from memory together.
func (s *scratch) compare() {
	waiting := s.waiting[:s.waits]
	s.waits = 0
	for i := range waiting {
		waiting[i].at = s.rows.Offsets[waiting[i].row]
	}
	touched := float32(0)
	for _, c := range waiting {
		if c.at < uint64(len(s.rows.Dims)) {
			touched += s.rows.Values[c.at] + float32(s.rows.Dims[c.at])
		}
		if s.length != nil {
			touched += s.length[c.row]
		}
	}
	s.touched = touched
	for _, c := range waiting {
		if c.most >= s.least && s.offer(c.row) {
			s.raise()
		}
	}
}
