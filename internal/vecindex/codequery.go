package vecindex

import (
	"math"
	"slices"

	"github.com/redkite-db/redkite/internal/vec"
)

// codeQuery is a query in the space of flatCodes, and what it takes to leave a row
// out. Distances of codes are whole numbers; docs/adr/0010 says why a row whose
// distance is above bound cannot be a hit.
type codeQuery struct {
	code  []byte
	base  uint32  // IP, Cosine: the distance of orthogonal vectors and what makes up for codeZero
	scale float64 // codes a unit; IP, Cosine: the product of the query's and the rows'
	err   float64 // length of the difference of the query and what its code stands for
	norm  float64 // IP, Cosine: of the query

	gamma float64 // relative error of a float32 score
	least float64 // absolute error, of what vanishes

	key   uint64  // what reach is for
	reach float64 // L2: how far a row may be; else the inner product that a row must reach; see to
}

// orthogonal is the distance of orthogonal vectors by IP and Cosine: the middle, as
// inner products have a sign.
const orthogonal = 1<<31 - 1

// start makes q the query x, a unit vector for Cosine. It reports false where codes
// cannot tell anything about it.
func (q *codeQuery) start(c *flatCodes, x []float32) bool {
	n := float64(c.dim)
	q.code = slices.Grow(q.code[:0], c.stride)[:c.stride]
	q.norm = length64(x) * (1 + tiny)
	if !(q.norm <= maxLength) {
		return false
	}
	q.gamma, q.least = (n+16)/(1<<23), n*math.SmallestNonzeroFloat32
	q.key = 0
	if c.metric == L2 {
		c.coder.EncodeL2(q.code, x)
		q.scale = float64(c.coder.Scale)
		q.err = c.missL2(q.code, x, q.norm)
	} else {
		if c.metric == Cosine {
			q.gamma *= 4
			q.least += 1e-24
		}
		scale := float64(vec.EncodeQuery(q.code, x))
		if !(scale > 0) || math.IsInf(scale, 1) {
			return false
		}
		q.scale = scale * float64(c.coder.Scale)
		sum, far := int32(0), 0.0
		for i, v := range x {
			sum += int32(int8(q.code[i]))
			d := float64(v) - float64(int8(q.code[i]))/scale
			far += d * d
		}
		q.base = orthogonal + uint32(codeZero*sum)
		q.err = c.miss(far, 3*q.norm) // rounding makes it longer by about a half at most
	}
	return true
}

// to sets the key that a hit is below.
func (q *codeQuery) to(m Metric, key uint64) {
	if key == q.key {
		return
	}
	q.key = key
	worst := float64(KeyDist(key))
	switch {
	case key == math.MaxUint64 || worst != worst:
		q.reach = math.Inf(1)
	case m == L2:
		q.reach = math.Sqrt((max(worst, 0)+q.least)/(1-q.gamma))*(1+tiny) + q.err
	default:
		// The score is the negated distance; errors of float64 are in proportion to it.
		q.reach = worst + math.Abs(worst)*tiny + q.least
	}
}

// bound returns the largest distance of codes that a hit may have, of rows whose
// radius and length are at most the given ones.
func (q *codeQuery) bound(m Metric, radius, length float64) uint32 {
	var b float64
	if m == L2 {
		b = (q.reach + radius) * q.scale
		b *= b * (1 + tiny)
	} else {
		near := q.reach + (q.err*length+q.norm*radius+q.gamma*q.norm*(length+radius))*(1+tiny)
		b = orthogonal + near*q.scale + 1
	}
	switch {
	case b < 0:
		return 0
	case b < math.MaxUint32:
		return uint32(b)
	}
	return math.MaxUint32 // NaN too: then nothing is known
}
