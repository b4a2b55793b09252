package vecindex

import (
	"math"
	"slices"
)

// Key packs a distance and a row so that integer order is the order of hits:
// by distance, the smaller first, then by row. A distance is the score for L2
// and the negated score for the similarities. NaN comes last.
func Key(dist float32, row uint32) uint64 {
	return uint64(sortable(dist))<<32 | uint64(row)
}

// KeyRow returns the row of a key.
func KeyRow(key uint64) uint32 { return uint32(key) }

// KeyDist returns the distance of a key.
func KeyDist(key uint64) float32 {
	u := uint32(key >> 32)
	if u&(1<<31) != 0 {
		return math.Float32frombits(u ^ 1<<31)
	}
	return math.Float32frombits(^u)
}

// sortable maps a float to an integer of the same order.
func sortable(d float32) uint32 {
	if d != d {
		return math.MaxUint32
	}
	b := math.Float32bits(d)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

// Distance turns a score into a distance and back. Zero is never negative, so
// that equal scores are equal keys.
func (m Metric) Distance(score float32) float32 {
	if m.IsSimilarity() {
		return 0 - score
	}
	return score
}

// TopK keeps the k smallest of the keys offered to it, in a binary heap with
// the largest at the root. The zero value keeps none; Reset first.
type TopK struct {
	heap []uint64
	k    int
}

// Reset empties t and makes it keep k keys.
func (t *TopK) Reset(k int) {
	t.heap, t.k = t.heap[:0], k
}

// Len returns the number of keys kept.
func (t *TopK) Len() int { return len(t.heap) }

// Bound returns the key below which an offer is kept.
func (t *TopK) Bound() uint64 {
	if len(t.heap) < t.k {
		return math.MaxUint64
	}
	if t.k == 0 {
		return 0
	}
	return t.heap[0]
}

// Offer keeps key if it is among the k smallest so far.
func (t *TopK) Offer(key uint64) {
	if len(t.heap) < t.k {
		t.heap = append(t.heap, key)
		h := t.heap
		for i := len(h) - 1; i > 0; {
			up := (i - 1) / 2
			if h[up] >= h[i] {
				break
			}
			h[up], h[i] = h[i], h[up]
			i = up
		}
		return
	}
	h := t.heap
	if len(h) == 0 || key >= h[0] {
		return
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1] > h[down] {
			down++
		}
		if h[down] <= key {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = key
}

// Merge offers all keys of u.
func (t *TopK) Merge(u *TopK) {
	for _, key := range u.heap {
		t.Offer(key)
	}
}

// Keys returns the kept keys, ascending, until the next Reset, which it makes
// due: the heap is none any more.
func (t *TopK) Keys() []uint64 {
	slices.Sort(t.heap)
	return t.heap
}

// Hits appends the kept keys to out as hits, best first. It disturbs the
// heap's order: Reset before the next Offer.
func (t *TopK) Hits(m Metric, out []Hit) []Hit {
	return AppendHits(m, t.Keys(), out)
}

// AppendHits appends keys, ascending, to out as hits.
func AppendHits(m Metric, keys []uint64, out []Hit) []Hit {
	for _, key := range keys {
		out = append(out, Hit{Row: KeyRow(key), Score: m.Distance(KeyDist(key))})
	}
	return out
}
