package minhash

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/redkite-db/redkite/internal/vecindex"
)

// defaultCandidates is how many rows that share a band are compared by their
// elements, at most, where the query does not say.
const defaultCandidates = 1024

// searcher is the memory of one search, pooled, for one goroutine at a time.
type searcher struct {
	runs    []run    // of each band
	visited []uint64 // a bit for each row that was taken
	taken   []uint32 // the rows of visited
	best    vecindex.TopK
}

// run is where a band's bucket lies, and the tag that is wanted of it.
type run struct {
	from, to uint32
	tag      uint16
}

// forget makes ready for a search of so many rows.
func (s *searcher) forget(rows int) {
	for _, row := range s.taken {
		s.visited[row/64] = 0
	}
	s.taken = s.taken[:0]
	if words := (rows + 63) / 64; len(s.visited) < words {
		s.visited = make([]uint64, words)
	}
}

// Search implements vecindex.Index. Bands are looked up one after the other,
// until enough rows were met.
func (x *index) Search(ctx context.Context, q *vecindex.Query, out []vecindex.Hit) ([]vecindex.Hit, error) {
	if err := errors.Join(x.check(q), ctx.Err()); err != nil {
		return out, err
	}
	f := vecindex.NewFilter(x.src.Rows(), x.nodes, q)
	if f.Allowed == 0 {
		return out, nil
	}
	s := x.searchers.Get().(*searcher)
	defer x.searchers.Put(s)
	s.forget(x.src.Rows())
	wanted := q.K
	if q.Params.MinHash.Jaccard {
		if wanted = q.Params.Candidates; wanted == 0 {
			wanted = defaultCandidates
		}
		wanted = max(wanted, q.K)
	}
	if err := x.collect(ctx, s, q.Bytes, &f, min(wanted, f.Allowed)); err != nil {
		return out, err
	}
	if !q.Params.MinHash.Jaccard {
		start := len(out)
		for _, row := range s.taken {
			out = append(out, vecindex.Hit{Row: row, Score: 1})
		}
		slices.SortFunc(out[start:], func(a, b vecindex.Hit) int { return int(a.Row) - int(b.Row) })
		return out, nil
	}
	s.best.Reset(min(q.K, len(s.taken)))
	for _, row := range s.taken {
		score := float32(equalElements(q.Bytes, x.row(row), x.width)) / float32(x.elements)
		s.best.Offer(vecindex.Key(vecindex.MHJaccard.Distance(score), row))
	}
	return s.best.Hits(vecindex.MHJaccard, out), nil
}

// check says what is wrong with a query.
func (x *index) check(q *vecindex.Query) error {
	switch {
	case q.Range != nil:
		return vecindex.ParamError("minhash not support range search.")
	case len(q.Bytes) != x.src.Dim()/8:
		return fmt.Errorf("vector dimension mismatch, expected vector size(%d), actual(%d)", x.src.Dim(), 8*len(q.Bytes))
	case q.K < 1:
		return fmt.Errorf("topk %d is not positive", q.K)
	}
	return nil
}

// collect takes rows that pass and share a band with the query, band by band, in
// the order of rows, until there are wanted of them.
func (x *index) collect(ctx context.Context, s *searcher, query []byte, f *vecindex.Filter, wanted int) error {
	size := x.bandBytes()
	shift := bucketBits(x.nodes)
	s.runs = s.runs[:0]
	for b := range x.tables { // the loads of all tables are under way at a time
		bucket, tag := hash(query[b*size:][:size], shift)
		starts := x.tables[b].starts
		s.runs = append(s.runs, run{starts[bucket], starts[bucket+1], tag})
	}
	const checkEvery = 1 << 12
	left := checkEvery
	for b, r := range s.runs {
		t := &x.tables[b]
		band := query[b*size:][:size]
		at, found := slices.BinarySearch(t.tags[r.from:r.to], r.tag)
		if !found {
			continue
		}
		for i := int(r.from) + at; i < int(r.to) && t.tags[i] == r.tag; i++ {
			if left--; left == 0 {
				if left = checkEvery; ctx.Err() != nil {
					return ctx.Err()
				}
			}
			row := t.rows[i]
			// What passes is a row: the file is not trusted.
			if !f.Passes(row) || s.visited[row/64]>>(row%64)&1 != 0 || !bytes.Equal(band, x.row(row)[b*size:][:size]) {
				continue
			}
			s.visited[row/64] |= 1 << (row % 64)
			if s.taken = append(s.taken, row); len(s.taken) == wanted {
				return nil
			}
		}
	}
	return nil
}

// equalElements counts the elements, of so many bytes, in which two rows agree.
func equalElements(a, b []byte, width int) int {
	n := 0
	le := binary.LittleEndian
	b = b[:len(a)]
	switch width {
	case 1:
		for i, v := range a {
			if v == b[i] {
				n++
			}
		}
	case 4:
		for len(a) >= 4 && len(b) >= 4 {
			if le.Uint32(a) == le.Uint32(b) {
				n++
			}
			a, b = a[4:], b[4:]
		}
	case 8:
		for len(a) >= 8 && len(b) >= 8 {
			if le.Uint64(a) == le.Uint64(b) {
				n++
			}
			a, b = a[8:], b[8:]
		}
	default:
		for ; len(a) >= width; a, b = a[width:], b[width:] {
			if bytes.Equal(a[:width], b[:width]) {
				n++
			}
		}
	}
	return n
}
