package ivf

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// index is a complete index, built in memory or in a map of its file. It
// implements vecindex.Index.
type index struct {
	*env
	params
	coding coding
	metric vecindex.Metric
	src    vecindex.Source
	rows   vec.Matrix // src's
	elem   vecindex.Element
	nodes  int // rows that have a vector
	seed   uint64
	parts
	coder       coder     // nil for IVF_FLAT
	coarseCoder vec.Coder // of coarse
	close       func() error
}

// parts is what is in the file; see docs/formats/ivf.md.
type parts struct {
	centers []float32 // a vector for each list
	ends    []uint32  // lists+1: list i is ids[ends[i]:ends[i+1]]
	ids     []uint32  // rows, ascending in each list
	inv     []float32 // Cosine: inverse norm of each row; else empty
	codes   []byte    // see coder, as for those that follow
	scale   []float32 // of each entry of ids, if entries have one
	bias    []float32 // of each entry of ids, if entries have one
	book    []float32
	coarse  []byte    // codes of the centers, a row of vec.CodeStride bytes each, or none
	spread  []float32 // of each list: root of the mean squared distance of its rows and its center
}

func (x *index) Rows() int { return x.src.Rows() }

func (x *index) Bytes() int64 {
	n := len(x.centers) + len(x.ends) + len(x.ids) + len(x.inv) + len(x.scale) + len(x.bias) + len(x.book) + len(x.spread)
	return 4*int64(n) + int64(len(x.codes)+len(x.coarse))
}

func (x *index) WriteTo(w io.Writer) (int64, error) { return x.write(w) }

func (x *index) Close() error {
	closing := x.close
	x.parts, x.close = parts{}, nil
	if closing == nil {
		return nil
	}
	return closing()
}

// list returns the rows of a list.
func (x *index) list(i int) []uint32 { return x.ids[x.ends[i]:x.ends[i+1]] }

// scratch is the memory of one search, pooled, for one goroutine at a time.
type scratch struct {
	query  []float32      // as it is compared: a unit vector for Cosine
	normal []float32      // backs query for Cosine
	length float32        // of the query, for IP
	code   []byte         // of the query, as the centers have them
	far    []uint32       // distances to the centers by codes
	keys   []uint64       // of lists
	room   []uint64       // for as many
	near   []uint32       // lists
	coarse []float32      // distances to the centers
	lists  []vecindex.Hit // those to read; see choose
	before []vecindex.Hit // of chooseAll, as listed
	listed []uint64       // a bit for each list
	best   vecindex.TopK
	taken  int // rows that were among the best, or picked, when they came
	scan   vecindex.Scan
	ready  vecindex.MinHeap // of iterators: rows that were read and not given
	ids    [batch]uint32
	dist   [batch]float32

	// Of kinds with codes: see coder.
	base, unit, factor float32
	whole              [batch]int32
	short              [batch]uint16
	weights            []int16
	products           []float32
	tables             []byte
	turned, spare      []float32
	picked             shortlist
}

// batch is how many rows are compared by one call of a kernel.
const batch = 64

// Search implements vecindex.Index: it reads the lists nearest to the query, or
// compares all allowed rows where that is cheaper.
func (x *index) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(vecindex.CheckQuery(q, x.src.Dim()), ctx.Err()); err != nil {
		return out, err
	}
	if q.Range != nil {
		return vecindex.RangeSearch(ctx, x, x.metric, q, out)
	}
	f := vecindex.NewFilter(x.src.Rows(), x.nodes, q)
	if f.Allowed == 0 {
		return out, nil
	}
	s := x.scratches.Get().(*scratch)
	defer func() {
		s.query = nil // the caller's
		x.scratches.Put(s)
	}()
	want := min(q.K, f.Allowed)
	probe := q.Params.NProbe
	if probe == 0 {
		probe = defaultProbe
	}
	probe = min(probe, x.lists)
	if x.scanIsCheaper(&f, probe, want) {
		s.scan.Start(x.kern, x.metric, vec.FloatProbe(q.Vector), want)
		if err := s.scan.Rows(ctx, &x.rows, x.inv, 0, f.Limit, q.Skip); err != nil {
			return out, err
		}
		return s.scan.Top.Hits(x.metric, out), nil
	}
	x.take(s, q.Vector)
	if x.coder == nil {
		s.best.Reset(want)
	} else {
		s.picked.reset(min(x.candidates(q), f.Allowed))
		s.factor = x.factor()
		x.coder.ask(s)
	}
	if err := x.probe(ctx, s, &f, probe, want); err != nil {
		return out, err
	}
	if x.coder != nil {
		x.settle(s, want, q.Params.Candidates > 0)
	}
	return s.best.Hits(x.metric, out), nil
}

// take makes s ready to compare a query, which it reads.
func (x *index) take(s *scratch, query []float32) {
	s.query = query
	if x.metric == vecindex.IP {
		s.length = x.length(query)
	}
	if x.metric == vecindex.Cosine {
		s.normal = append(s.normal[:0], query...)
		x.kern.Normalize(s.normal, query)
		s.query = s.normal
	}
}

// length returns that of a vector.
func (x *index) length(v []float32) float32 {
	var square [1]float32
	x.kern.IPRows(v, v, square[:])
	sum := float64(square[0])
	if math.IsInf(sum, 1) { // beyond float32
		sum = 0
		for _, e := range v {
			sum += float64(e) * float64(e)
		}
	}
	return float32(min(math.Sqrt(sum), math.MaxFloat32))
}

// candidates is how many rows are found by codes and compared by vectors: what
// the client asks for, else so many that little is lost by the codes.
func (x *index) candidates(q *vecindex.Query) int {
	if q.Params.Candidates > 0 {
		return max(q.Params.Candidates, q.K)
	}
	// With these, codes cost at most a hundredth of the recall that the lists
	// allow on SIFT and text vectors (BenchmarkData).
	k := min(q.K, x.nodes)
	switch {
	case x.coding == codingSQ:
		return k + 10
	case x.coding.signs():
		return 4*k + 100
	default:
		return 4*k + 40
	}
}

// testsPerRow is how many rows of lists can be asked whether they pass in the
// time in which one row is compared.
const testsPerRow = 16

// scanIsCheaper reports whether comparing all allowed rows costs no more than
// to read lists: which compares with the centers, asks each row whether it
// passes and compares that share of the allowed ones.
func (x *index) scanIsCheaper(f *vecindex.Filter, probe, want int) bool {
	if probe >= x.lists && x.coding == codingFlat {
		return true
	}
	share := float64(probe) / float64(x.lists)
	read := float64(x.lists)/4 + share*float64(x.nodes)/testsPerRow + share*float64(f.Allowed)
	return float64(f.Allowed) <= read || want > f.Allowed/2
}

// Where the rows near a query are just those that do not pass, the hits lie
// around these in all directions, in many lists. It shows: of the rows in the
// first lists, a smaller share passed than of all. If it is smaller than by the
// factor correlated, further lists are read until as many as the client wants
// read in all have brought nothing.
const correlated = 0.8

// probe reads the lists nearest to the query, probe of them, and further ones
// while there are fewer hits than wanted or the hits are elsewhere.
func (x *index) probe(ctx context.Context, s *scratch, f *vecindex.Filter, probe, want int) error {
	x.choose(s, probe)
	read, passed := 0, 0
	elsewhere, idle := false, 0
	s.taken = 0
	held := s.best.Len
	if x.coder != nil {
		held = func() int { return len(s.picked.keys) }
	}
	for i := 0; i < x.lists; i++ {
		if i == probe {
			elsewhere = float64(passed)*float64(x.nodes) < correlated*float64(f.Allowed)*float64(read)
		}
		if i >= probe && held() >= want && (!elsewhere || idle >= probe) {
			break
		}
		if i == len(s.lists) {
			x.chooseAll(s, i)
		}
		list, taken, n := int(s.lists[i].Row), s.taken, 0
		if x.coder == nil {
			n = x.readFlat(s, f, x.list(list))
		} else {
			n = x.readCodes(s, f, list, s.lists[i].Score)
		}
		read += len(x.list(list))
		passed += n
		if idle++; s.taken != taken {
			idle = 0
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// distances computes the distances of the query and the centers.
func (x *index) distances(s *scratch) {
	if cap(s.coarse) < x.lists {
		s.coarse = make([]float32, x.lists)
	}
	s.coarse = s.coarse[:x.lists]
	if x.metric == vecindex.L2 {
		x.kern.L2Rows(s.query, x.centers, s.coarse)
		return
	}
	x.kern.IPRows(s.query, x.centers, s.coarse)
	negate(s.coarse)
}

func negate(dist []float32) {
	for i, d := range dist {
		dist[i] = 0 - d
	}
}

// readFlat compares the rows of a list that pass by their vectors and returns
// how many these are.
func (x *index) readFlat(s *scratch, f *vecindex.Filter, list []uint32) int {
	return s.passing(f, list, func(ids []uint32) { x.compare(s, ids) })
}

// passing calls each with the rows of a list that pass, at most batch at a time,
// and returns how many these are.
func (s *scratch) passing(f *vecindex.Filter, list []uint32, each func(ids []uint32)) int {
	if f.All {
		for from := 0; from < len(list); from += batch {
			each(list[from:min(from+batch, len(list))])
		}
		return len(list)
	}
	passed, n := 0, 0
	for _, row := range list {
		if !f.Passes(row) {
			continue
		}
		s.ids[n] = row
		if n++; n == batch {
			each(s.ids[:n])
			passed += n
			n = 0
		}
	}
	each(s.ids[:n])
	return passed + n
}

// compare offers rows, at most batch, by their vectors.
func (x *index) compare(s *scratch, ids []uint32) {
	bound := s.best.Bound()
	for i, d := range x.exact(s, ids) {
		if key := vecindex.Key(d, ids[i]); key < bound {
			s.best.Offer(key)
			bound = s.best.Bound()
			s.taken++
		}
	}
}

// exact returns the distances of rows, at most batch, by their vectors.
func (x *index) exact(s *scratch, ids []uint32) []float32 {
	dist, q := s.dist[:len(ids)], vec.FloatProbe(s.query)
	x.kern.IDs(x.metric.Measure(), &q, &x.rows, ids, dist, 0)
	switch x.metric {
	case vecindex.IP:
		for i, d := range dist {
			dist[i] = 0 - d
		}
	case vecindex.Cosine:
		for i, d := range dist {
			dist[i] = 0 - d*x.inv[ids[i]]
		}
	}
	return dist
}
