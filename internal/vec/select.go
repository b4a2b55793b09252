package vec

import (
	"fmt"
	"math/bits"
)

// ClearBitsRoom is how many places ClearBits wants to have left for a word.
const ClearBitsRoom = 64

// ClearBits puts first + i into out for each bit i of words that is clear, bit i
// being words[i/64]>>(i%64), ascending, as long as there are ClearBitsRoom places
// left before a word that has such bits. It returns how many it put there, and how
// many words it did. What is in out behind them may have changed.
func (k Kernels) ClearBits(words []uint64, first uint32, out []uint32) (n, done int) {
	if len(words) == 0 || len(out) < ClearBitsRoom {
		return 0, 0
	}
	return k.clearBits(words, first, out)
}

func clearBitsPortable(words []uint64, first uint32, out []uint32) (n, done int) {
	for i, w := range words {
		live := ^w
		if live == 0 {
			continue
		}
		if len(out)-n < ClearBitsRoom {
			return n, i
		}
		for ; live != 0; live &= live - 1 {
			out[n] = first + uint32(64*i+bits.TrailingZeros64(live))
			n++
		}
	}
	return n, len(words)
}

// AtMost puts those of ids whose distance in dist is at most bound into outIDs, in
// order, and these distances into outDist, and returns how many they are. All four
// have room for len(ids); the outputs may be the inputs.
func (k Kernels) AtMost(ids, dist []uint32, bound uint32, outIDs, outDist []uint32) int {
	n := len(ids)
	if len(dist) < n || len(outIDs) < n || len(outDist) < n {
		panic(fmt.Sprintf("vec: %d ids, %d distances, room for %d and %d", n, len(dist), len(outIDs), len(outDist)))
	}
	if n == 0 {
		return 0
	}
	return k.atMost(ids, dist, bound, outIDs, outDist)
}

func atMostPortable(ids, dist []uint32, bound uint32, outIDs, outDist []uint32) int {
	n := 0
	for i, id := range ids {
		if d := dist[i]; d <= bound {
			outIDs[n], outDist[n] = id, d
			n++
		}
	}
	return n
}

// maxIDPortable is maxID for any number. Four at a time do not wait for each other.
func maxIDPortable(ids []uint32) uint32 {
	var m0, m1, m2, m3 uint32
	for len(ids) >= 4 {
		m0, m1, m2, m3 = max(m0, ids[0]), max(m1, ids[1]), max(m2, ids[2]), max(m3, ids[3])
		ids = ids[4:]
	}
	for _, id := range ids {
		m0 = max(m0, id)
	}
	return max(m0, m1, m2, m3)
}
