package vec

import (
	"fmt"
	"math"
	"slices"
)

// The choice of inverted lists, and of rows of them, is made with keys: numbers of
// 64 bits whose upper half orders them and whose lower half says what they are of.

// Reach says how far lists reach towards a query, by how far their rows are spread.
type Reach struct{ Flat, Square, Root float32 }

// Of returns the number that orders a list of that spread, whose center is at
// distance d:
//
//	d + spread*(r.Flat + r.Square*spread + r.Root*sqrt(max(d, 0)))
func (r *Reach) Of(d, spread float32) float32 {
	return d + spread*(r.Flat+r.Square*spread+r.Root*float32(math.Sqrt(float64(max(d, 0)))))
}

// ListKeys makes the keys of lists, for each i of dist: in the lower half i, in
// the upper half a number that orders like r.Of(d, spread[i]), where d is dist[i] as
// a number with a sign. spread and keys are as long as dist.
func (k Kernels) ListKeys(r *Reach, dist []uint32, spread []float32, keys []uint64) {
	n := len(dist)
	spread, keys = spread[:n], keys[:n]
	if n > 0 {
		k.listKeys(r, dist, spread, keys)
	}
}

// sample is how many keys Least looks at to choose one that parts them, and few
// is up to how many keys it sorts.
const (
	sample = 8
	few    = 24
)

// Least brings the least of keys to their front, from least to most of them, and
// returns how many they are; both these and the others are then in no order. room
// is as long as keys. It parts the keys at one of a sample, and goes on in the part
// where the least end (C. Hoare, "Algorithm 65: Find", 1961).
func (k Kernels) Least(keys []uint64, least, most int, room []uint64) int {
	if least < 0 || least > most || most > len(keys) || len(room) < len(keys) {
		panic(fmt.Sprintf("vec: %d to %d of %d keys, room for %d", least, most, len(keys), len(room)))
	}
	done := 0
	for least > 0 && most < len(keys) {
		low := 0
		if len(keys) > few {
			low = k.split(keys, about(keys, (least+most)/2), room)
			copy(keys[low:], room[:len(keys)-low])
		}
		switch {
		case low == 0 || low == len(keys): // few, or one key many times
			slices.Sort(keys)
			return done + least
		case low > most:
			keys = keys[:low]
		default:
			done += low
			keys, least, most = keys[low:], least-low, most-low
		}
	}
	if least > 0 {
		done += len(keys)
	}
	return done
}

// about returns one of keys that is about the n-th.
func about(keys []uint64, n int) uint64 {
	var some [sample]uint64
	for i := range some {
		v, j := keys[(i*len(keys)+len(keys)/2)/sample], i
		for ; j > 0 && some[j-1] > v; j-- {
			some[j] = some[j-1]
		}
		some[j] = v
	}
	return some[n*sample/(len(keys)+1)]
}

func splitPortable(keys []uint64, pivot uint64, high []uint64) int {
	low, highs := 0, 0
	for _, key := range keys {
		if key <= pivot {
			keys[low] = key
			low++
		} else {
			high[highs] = key
			highs++
		}
	}
	return low
}

func listKeysPortable(r *Reach, dist []uint32, spread []float32, keys []uint64) {
	for i, u := range dist {
		b := math.Float32bits(r.Of(float32(int32(u)), spread[i]))
		b ^= uint32(int32(b)>>31) | 1<<31 // of negative numbers all bits, of others the sign
		keys[i] = uint64(b)<<32 | uint64(i)
	}
}
