package vec

import (
	"fmt"
	"math"
	"unsafe"
)

// Pool is the candidates of a graph walk: the nearest rows so far, ascending.
// A key has the distance in its upper 32 bits, then the row in 31, and in the
// lowest a mark of the walk's.
type Pool struct {
	buf   []uint64 // poolGuard zeros, then limit places, up to a multiple of poolUnit
	n     int
	limit int
}

// poolGuard is how many zeros stand before the keys, where a loop from the far
// end stops without counting.
const poolGuard = 8

// Kernels of AVX-512 read and write poolUnit places at a time, a line of the cache
// each; empty places hold the largest number, which is behind each key and marked.
const (
	poolUnit = 32
	lineKeys = 8
)

// Reset empties p and makes it keep the limit nearest, at least 1.
func (p *Pool) Reset(limit int) {
	p.n, p.limit = 0, max(limit, 1)
	end := poolEnd(p.limit)
	if len(p.buf) < end {
		p.buf = newPoolPlaces(end)
	}
	empty(p.buf[poolGuard:end])
}

// poolEnd is the length that buf has for limit keys.
func poolEnd(limit int) int { return poolGuard + (limit+poolUnit-1)/poolUnit*poolUnit }

// newPoolPlaces returns n zeros that begin with a line of the cache.
func newPoolPlaces(n int) []uint64 {
	buf := make([]uint64, n+lineKeys-1)
	at := -int(uintptr(unsafe.Pointer(&buf[0]))/8) & (lineKeys - 1)
	return buf[at : at+n]
}

// empty makes places empty.
func empty(places []uint64) {
	for i := range places {
		places[i] = math.MaxUint64
	}
}

// Keys returns the keys, until the next Offer.
func (p *Pool) Keys() []uint64 { return p.buf[poolGuard : poolGuard+p.n] }

// Offer puts rows ids, each below 2^31 and none in the pool, at distances dist
// into p as far as they are among the nearest, without a mark, and returns the
// first place that changed, or a place behind all keys. The neighbours of a row
// r that is taken begin at lists[r*stride]; they are prefetched, as the walk is
// likely to need them. With stride 0 nothing is.
func (k Kernels) Offer(p *Pool, ids, dist, lists []uint32, stride int) int {
	if len(dist) < len(ids) || len(p.buf) < poolGuard+p.limit {
		panic(fmt.Sprintf("vec: %d distances of %d rows, a pool of %d for %d", len(dist), len(ids), len(p.buf), p.limit))
	}
	if len(ids) == 0 {
		return p.n
	}
	return k.offer(p, ids, dist, lists, stride)
}

func (p *Pool) offerPortable(ids, dist []uint32) int {
	first := p.limit
	for i, id := range ids {
		key := uint64(dist[i])<<32 | uint64(id<<1)
		keys := p.Keys()
		if p.n == p.limit {
			if key > keys[p.n-1] {
				continue
			}
			keys = keys[:p.n-1]
		} else {
			p.n++
		}
		at := position(keys, key)
		copy(p.buf[poolGuard+at+1:poolGuard+len(keys)+1], keys[at:])
		p.buf[poolGuard+at] = key
		first = min(first, at)
	}
	return first
}

// position returns how many keys of a sorted slice are below key.
func position(keys []uint64, key uint64) int {
	base, n := 0, len(keys)
	for n > 0 {
		half := n >> 1
		next := base + half + 1
		if keys[base+half] < key {
			base = next
			n -= half + 1
		} else {
			n = half
		}
	}
	return base
}
