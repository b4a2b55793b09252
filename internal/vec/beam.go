package vec

import "fmt"

// Beam is a walk through one level of a graph of rows with codes of one byte an
// element: it expands the nearest candidate that is not expanded, which is to offer
// those of its neighbours that were not met to the pool, until all are expanded. It
// is algorithm 2 of Y. Malkov and D. Yashunin (arXiv:1603.09320), but that a row's
// neighbours are compared two steps after the row was chosen: one later they are
// looked up, and asked for. So lists and codes are on their way for a whole step.
type Beam struct {
	Pool    *Pool    // where the walk begins, and then the nearest rows; the mark is of those expanded
	Lists   []uint32 // Degree row numbers for each row; those that are no rows count as none
	Degree  int      // at least 1
	Rows    int      // numbers below are rows
	Visited []uint64 // a bit for each row that was met, such as those in Pool
	Codes   []byte   // len(Query) for each row
	Query   []byte   // as for L2CodeRows or IPCodeRows
	Base    uint32   // of IPCodeRows
	IP      bool     // inner products in place of squared distances
	Dist    []uint32 // room for Degree + BeamRoom
}

// BeamRoom is how much more than a list's distances Beam may write to Dist.
const BeamRoom = 3

// Beam makes the walk b, appends the rows met to met and returns it. Other goroutines
// may store to lists by atomic stores meanwhile.
func (k Kernels) Beam(b *Beam, met []uint32) []uint32 {
	checkCodeRows(b.Query, b.Codes, b.Rows)
	p := b.Pool
	if b.Degree < 1 || b.Rows > len(b.Lists)/b.Degree || b.Rows > 64*len(b.Visited) || len(b.Dist) < b.Degree+BeamRoom || len(p.buf) < poolGuard+p.limit {
		panic(fmt.Sprintf("vec: a walk of %d rows with %d numbers in lists of %d, %d visited bits, %d distances, a pool of %d for %d",
			b.Rows, len(b.Lists), b.Degree, 64*len(b.Visited), len(b.Dist), len(p.buf), p.limit))
	}
	for _, key := range p.Keys() {
		if uint64(uint32(key)>>1) >= uint64(b.Rows) {
			panic(fmt.Sprintf("vec: a walk of %d rows begins at row %d", b.Rows, uint32(key)>>1))
		}
	}
	if p.n == 0 {
		return met
	}
	return k.beam(b, met)
}

// beamInGo is Beam with a kernel for each part of a step.
func (k Kernels) beamInGo(b *Beam, met []uint32) []uint32 {
	var held, pending []uint32
	for cur := 0; ; {
		list := held
		if held = b.choose(&cur); held == nil && list == nil && len(pending) == 0 {
			return met
		}
		var next []uint32
		if list != nil {
			met = grown(met, b.Degree)
			next = met[len(met):cap(met)]
			next = next[:k.Unvisited(list, b.Visited, b.Rows, next, b.Codes, len(b.Query), held)]
			met = met[:len(met)+len(next)]
		}
		if len(pending) > 0 {
			if b.IP {
				k.IPCodeIDs(b.Query, b.Base, b.Codes, pending, b.Dist, WarmBytes)
			} else {
				k.L2CodeIDs(b.Query, b.Codes, pending, b.Dist, WarmBytes)
			}
			cur = min(cur, k.Offer(b.Pool, pending, b.Dist, b.Lists, b.Degree))
		}
		pending = next
	}
}

// choose marks the first candidate at or behind cur that is not marked, moves cur
// there, and returns its list; nil if there is none.
func (b *Beam) choose(cur *int) []uint32 {
	keys := b.Pool.Keys()
	for *cur < len(keys) && keys[*cur]&1 != 0 {
		*cur++
	}
	if *cur >= len(keys) {
		return nil
	}
	keys[*cur] |= 1
	at := int(uint32(keys[*cur])>>1) * b.Degree
	return b.Lists[at : at+b.Degree : at+b.Degree]
}

// grown returns s with room for n more.
func grown(s []uint32, n int) []uint32 {
	if cap(s)-len(s) >= n {
		return s
	}
	return append(make([]uint32, 0, 2*cap(s)+n+1024), s...)
}
