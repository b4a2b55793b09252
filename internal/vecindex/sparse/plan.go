package sparse

import (
	"cmp"
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Sums of bounds are whole numbers of 16 bits: worth, times a scale that makes
// the largest possible sum sumLimit, rounded up.
const (
	sumLimit = 65000
	maxTerms = 4096 // each may add 2 by rounding
)

// plan says which runs a query has in each window, and what they may add at
// most.
type plan struct {
	terms  []term
	scale  float64  // of worth to sums
	slack  float64  // what a float32 score may be larger than the sum of its parts, as a factor
	bounds []uint32 // of each window: the sum of the largest codes of its runs; 0: none, or done
	starts []uint32 // of each window: where its runs begin
	runs   []run    // of windows, in the order of terms
}

// term is a list that the query asks for. Terms are in the order in which they
// are left out of the sums: much to add up for little worth first.
type term struct {
	list   int
	dense  uint32 // number of its map, or 0
	factor uint16 // of its codes; see vec.Scale
	rows   uint64 // entries, or what a map costs
	worth  float64
	table  [256]uint16
}

// run is a run of a list in one window.
type run struct {
	term  uint32
	run   uint32 // number of the run in the index
	bound uint32 // what it adds at most
}

// denseCost is how many entries take as long as 64 codes of a map.
const denseCost = 2

// arrange makes the plan of a query over the rows below f.Limit. It reports
// false when rows should rather be compared one by one: since few may be
// returned, or where bounds do not serve, as worths are extreme.
func (x *index) arrange(s *scratch, f *vecindex.Filter, r rule, ratio float64) bool {
	p := &s.plan
	growth := x.growth(r)
	if ratio > 0 && ratio < 1 {
		growth *= ratio
	}
	total, entries := x.findTerms(s, growth)
	if len(p.terms) == 0 {
		p.bounds = p.bounds[:0]
		return true // no row has a score above 0
	}
	// A float32 below 2^-126 has fewer digits.
	if n := len(p.terms); n > maxTerms || !(total > 1e-30 && total < 1e37) {
		return false
	}
	windows := (f.Limit + 1<<x.shift - 1) >> x.shift
	rows := x.src.SparseRows()
	perRow := 20 + 2*float64(len(rows.Dims))/float64(x.src.Rows())
	if float64(f.Allowed)*perRow < float64(entries)/2+100*float64(windows) {
		return false
	}
	p.scale = (sumLimit - 3*float64(len(p.terms))) / total
	p.slack = 1 - float64(len(s.dims)+8)*0x1p-23
	for i := range p.terms {
		p.terms[i].setFactor(p.scale)
	}
	slices.SortFunc(p.terms, func(a, b term) int {
		return cmp.Or(cmp.Compare(float64(b.rows)*a.worth, float64(a.rows)*b.worth), cmp.Compare(a.list, b.list))
	})
	x.placeRuns(p, uint32(windows))
	return true
}

// growth returns by how much rows may be worth more than the codes say.
func (x *index) growth(r rule) float64 {
	if x.metric != vecindex.BM25 || x.leastTF > x.mostLen {
		return 1
	}
	return r.growth(newRule(x.k1, x.b, x.avgdl), float64(x.leastTF), float64(x.leastLen), float64(x.mostLen))
}

// findTerms looks up the lists of the query's terms. It returns the sum of their
// largest worths, and the entries there are to add up.
func (x *index) findTerms(s *scratch, growth float64) (total float64, entries uint64) {
	p := &s.plan
	p.terms = p.terms[:0]
	for i, d := range s.dims {
		w := float64(s.weights[i])
		if x.metric == vecindex.BM25 && w < 0 {
			continue // there is nothing below 0
		}
		list := x.list(keyOf(d, w < 0))
		if list < 0 {
			continue
		}
		t := term{list: list, dense: x.dense[list]}
		from, to := x.first[list], x.first[list+1]
		t.rows = uint64(x.ats[to] - x.ats[from])
		if t.dense > 0 {
			t.rows = uint64(to-from) << x.shift / 64 * denseCost
		}
		t.worth = 255 * math.Abs(float64(x.scales[list])*w) * growth
		total += t.worth
		entries += t.rows
		p.terms = append(p.terms, t)
	}
	return total, entries
}

// setFactor sets what codes add, and its table.
func (t *term) setFactor(scale float64) {
	t.factor = uint16(max(1, math.Ceil(t.worth/255*scale*256)))
	if t.dense == 0 {
		for c := range t.table {
			t.table[c] = vec.Scale(byte(c), t.factor)
		}
	}
}

// placeRuns sorts the runs of the first windows by window.
func (x *index) placeRuns(p *plan, windows uint32) {
	p.bounds = zeroed(p.bounds, int(windows))
	p.starts = zeroed(p.starts, int(windows)+1)
	n := 0
	for i := range p.terms {
		t := &p.terms[i]
		for _, head := range x.heads[x.first[t.list]:x.first[t.list+1]] {
			if head>>8 < windows {
				p.starts[head>>8]++
				n++
			}
		}
	}
	at := uint32(0)
	for i, c := range p.starts {
		p.starts[i] = at
		at += c
	}
	if cap(p.runs) < n {
		p.runs = make([]run, n)
	}
	p.runs = p.runs[:n]
	for i := range p.terms {
		t := &p.terms[i]
		first := x.first[t.list]
		for j, head := range x.heads[first:x.first[t.list+1]] {
			w := head >> 8
			if w >= windows {
				break
			}
			bound := uint32(vec.Scale(byte(head), t.factor))
			p.bounds[w] += bound
			p.runs[p.starts[w]] = run{uint32(i), first + uint32(j), bound}
			p.starts[w]++
		}
	}
	copy(p.starts[1:], p.starts) // each is where the next one's begin
	p.starts[0] = 0
}

// zeroed returns n zeros, in s if they fit.
func zeroed(s []uint32, n int) []uint32 {
	if cap(s) < n {
		return make([]uint32, n)
	}
	s = s[:n]
	clear(s)
	return s
}
