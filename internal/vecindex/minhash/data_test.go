package minhash_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/minhash"
)

// bitVectors is a Source of binary vectors in memory.
type bitVectors struct {
	Data      []byte        // row-major
	Dimension int           // bits
	Present   column.Bitset // rows that have a vector; zero: all
}

// Rows returns the number of whole rows.
func (v bitVectors) Rows() int { return len(v.Data) / (v.Dimension / 8) }

// Dim returns the number of bits of a row.
func (v bitVectors) Dim() int { return v.Dimension }

func (v bitVectors) Matrix() vec.Matrix { return vec.Packed(vec.Bits, v.Dimension, v.Data) }

// Valid returns the rows that have a vector.
func (v bitVectors) Valid() column.Bitset { return v.Present }

// shape is what random signatures look like.
type shape struct {
	rows, elements, width int // width: bytes of an element
	values                int // different ones that an element has, at most
	copies                float64
	nulls                 float64
}

// random returns signatures, some of which are copies of ones before with a few
// elements changed.
func (h shape) random(rng *rand.Rand) bitVectors {
	size := h.elements * h.width
	src := bitVectors{Data: make([]byte, h.rows*size), Dimension: 8 * size}
	if h.nulls > 0 {
		src.Present = column.NewBitset(h.rows)
	}
	for r := range h.rows {
		row := src.Data[r*size:][:size]
		if h.nulls > 0 {
			if rng.Float64() < h.nulls {
				continue
			}
			src.Present.Set(r)
		}
		for e := range h.elements {
			h.draw(rng, row[e*h.width:][:h.width])
		}
		if r > 0 && rng.Float64() < h.copies {
			copy(row, src.Data[rng.IntN(r)*size:][:size])
			for range rng.IntN(1 + h.elements/3) {
				h.draw(rng, row[rng.IntN(h.elements)*h.width:][:h.width])
			}
		}
	}
	return src
}

// draw fills in one element.
func (h shape) draw(rng *rand.Rand, element []byte) {
	v := rng.IntN(h.values)
	for i := range element {
		element[i] = byte(v >> (8 * (i % 4)))
	}
}

// build makes an index by the port, which is closed with the test.
func build(t testing.TB, src vecindex.Source, p vecindex.Params, o vecindex.BuildOptions) vecindex.Index {
	t.Helper()
	return indextest.Build(t, minhash.Kind(), src, vecindex.MHJaccard, p, o)
}

// model is the law: which rows share a band with a query, and how many elements
// they have in common.
type model struct {
	src   bitVectors
	shape shape
	bands int
}

// candidates returns the hits that a query may have, in order.
func (m model) candidates(q *vecindex.Query) []vecindex.Hit {
	h := m.shape
	size := h.elements * h.width
	per := h.elements / m.bands
	var out []vecindex.Hit
	for r := range h.rows {
		if q.Limit > 0 && r >= q.Limit || r/64 < len(q.Skip) && q.Skip[r/64]>>(r%64)&1 != 0 {
			continue
		}
		row := m.src.Data[r*size:][:size]
		equal := make([]bool, h.elements)
		common := 0
		for e := range equal {
			if equal[e] = bytes.Equal(row[e*h.width:][:h.width], q.Bytes[e*h.width:][:h.width]); equal[e] {
				common++
			}
		}
		shares := false
		for b := range m.bands {
			all := true
			for _, is := range equal[b*per : (b+1)*per] {
				all = all && is
			}
			shares = shares || all
		}
		if shares {
			score := float32(1)
			if q.Params.MinHash.Jaccard {
				score = float32(common) / float32(h.elements)
			}
			out = append(out, vecindex.Hit{Row: uint32(r), Score: score})
		}
	}
	vecindex.Sort(vecindex.MHJaccard, out)
	return out
}

// skip returns a filter that lets a share of the rows pass, and no row without a
// vector.
func skip(rng *rand.Rand, src bitVectors, share float64) []uint64 {
	s := make([]uint64, (src.Rows()+63)/64)
	for r := range src.Rows() {
		if rng.Float64() >= share || !src.Present.IsZero() && !src.Present.Get(r) {
			s[r/64] |= 1 << (r % 64)
		}
	}
	return s
}
