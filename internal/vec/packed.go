package vec

import (
	"fmt"
	"math"
)

// Packing is how codes of fewer than 8 bits lie in memory. They are made of the
// codes of a Coder, of which they keep about the upper bits: code c stands for
// the byte Step * c, so that distances are in units of the bytes, and a query
// need not be rounded more than to a byte.
//
// A row comes in blocks of PackedUnit elements. A block has 64 bytes with the
// low four bits of its codes, element j in the lower half of byte j and element
// 64 + j in the upper one; with Packed6, 32 more bytes with the high two bits,
// of elements j, j + 32, j + 64 and j + 96 in byte j from its lowest bits on.
type Packing uint8

// The packings, by their bits.
const (
	Packed4 Packing = 4
	Packed6 Packing = 6
)

// PackedUnit is the number of elements of a block.
const PackedUnit = 128

// Step is what a code is multiplied with.
func (p Packing) Step() uint32 {
	if p == Packed4 {
		return 17
	}
	return 4
}

// block is the bytes of a block.
func (p Packing) block() int { return PackedUnit / 8 * int(p) }

// Stride returns the bytes of a row of dim elements.
func (p Packing) Stride(dim int) int { return (dim + PackedUnit - 1) / PackedUnit * p.block() }

// QueryLen returns the bytes of a query of dim elements, with zeros behind it.
func (p Packing) QueryLen(dim int) int { return (dim + PackedUnit - 1) &^ (PackedUnit - 1) }

// Round returns the code nearest to a byte.
func (p Packing) Round(b byte) byte {
	if p == Packed4 {
		return byte((uint32(b) + 8) / 17)
	}
	return byte(min((uint32(b)+2)/4, 63))
}

// Pack sets dst, a row, to the codes nearest to a row of bytes.
func (p Packing) Pack(dst, codes []byte) {
	clear(dst)
	for i, b := range codes {
		at, j, c := i/PackedUnit*p.block(), i%PackedUnit, p.Round(b)
		if c == 0 {
			continue
		}
		dst[at+j%64] |= c & 15 << (4 * (j / 64))
		if p == Packed6 {
			dst[at+64+j%32] |= c >> 4 << (2 * (j / 32))
		}
	}
}

// clips are the shares of a sample that TrainL2 and TrainIP try to leave outside
// the bounds: few steps are better spent where the elements are.
var clips = [...]float64{0, 0.0005, 0.002, 0.005, 0.01, 0.02, 0.04}

// trainSample is how many elements of a sample a pair of bounds is tried on.
const trainSample = 1 << 13

// TrainL2 returns a coder whose bytes, packed, are nearest to the elements of
// sample, which it sorts, and their mean squared error in units of bytes. It
// reports false when no finite scale does.
func (p Packing) TrainL2(sample []float32) (c Coder, loss float32, ok bool) {
	if c, ok = TrainL2(sample); !ok || len(sample) == 0 {
		return c, 0, ok
	}
	sample = thin(sample)
	last := float64(len(sample) - 1)
	var tries []Coder
	for _, below := range clips {
		for _, above := range clips {
			low, high := sample[int(below*last)], sample[int((1-above)*last)]
			tries = append(tries, Coder{Min: low, Scale: 255 / (high - low)})
		}
	}
	c, loss = p.best(c, tries, sample, 0)
	return c, loss, true
}

// TrainIP is TrainL2 for codes that have 128 for 0.
func (p Packing) TrainIP(sample []float32) (c Coder, loss float32, ok bool) {
	if c, ok = TrainIP(sample); !ok || len(sample) == 0 {
		return c, 0, ok
	}
	sample = thin(sample)
	last := float64(len(sample) - 1)
	var tries []Coder
	for _, above := range clips {
		high := sample[int((1-above)*last)]
		tries = append(tries, Coder{Min: -128 * (high / 127), Scale: 127 / high})
	}
	c, loss = p.best(c, tries, sample, 1)
	return c, loss, true
}

// best returns the coder of tries, else c, whose packed codes are nearest to the
// elements of sample, the first of equal ones, and its loss.
func (p Packing) best(c Coder, tries []Coder, sample []float32, low float32) (_ Coder, loss float32) {
	least := math.Inf(1)
	for _, try := range tries {
		if !try.Usable() {
			continue
		}
		got := p.loss(try, sample, low)
		if far := got / float64(try.Scale) / float64(try.Scale); far < least {
			least, c, loss = far, try, float32(got)
		}
	}
	return c, loss
}

// thin returns some elements of a sample at equal distances, the last among
// them.
func thin(sample []float32) []float32 {
	every := len(sample)/trainSample + 1
	var some []float32
	for i := (len(sample) - 1) % every; i < len(sample); i += every {
		some = append(some, sample[i])
	}
	return some
}

// loss is the mean squared error of packed codes, in units of bytes.
func (p Packing) loss(c Coder, sample []float32, low float32) float64 {
	var code [1]byte
	sum := 0.0
	for i := range sample {
		c.encode(code[:], sample[i:i+1], low)
		e := (float64(sample[i])-float64(c.Min))*float64(c.Scale) - float64(uint32(p.Round(code[0]))*p.Step())
		sum += e * e
	}
	return sum / float64(len(sample))
}

// get returns the code of element i of a row.
func (p Packing) get(row []byte, i int) uint32 {
	at, j := i/PackedUnit*p.block(), i%PackedUnit
	c := row[at+j%64] >> (4 * (j / 64)) & 15
	if p == Packed6 {
		c |= row[at+64+j%32] >> (2 * (j / 32)) & 3 << 4
	}
	return uint32(c)
}

// SquareSum returns the sum of the squares of bytes without a sign.
func SquareSum(q []byte) uint32 {
	var s uint32
	for _, b := range q {
		s += uint32(b) * uint32(b)
	}
	return s
}

// L2PackedIDs sets out[i] to the squared distance of q, bytes without a sign,
// and row ids[i], for each i of ids; out is at least as long. q has QueryLen
// bytes, of which squares is the SquareSum. rows is row-major. The first warm
// bytes of each row are taken to be in, or on their way to, the cache; the rest
// is prefetched. Results are exact.
func (k Kernels) L2PackedIDs(p Packing, q []byte, squares uint32, rows []byte, ids, out []uint32, warm int) {
	out = out[:len(ids)]
	k.checkPacked(p, q, rows, ids)
	if step := p.Step(); len(ids) > 0 {
		k.packed(p, true, packedArgs{q: q, rows: rows, ids: ids, out: out, warm: warm, base: squares, a: -(2 * step), b: step * step})
	}
}

// IPPackedIDs sets out[i] to base less the inner product of q, bytes with a
// sign, and row ids[i], modulo 2^32; otherwise as L2PackedIDs.
func (k Kernels) IPPackedIDs(p Packing, q []byte, base uint32, rows []byte, ids, out []uint32, warm int) {
	out = out[:len(ids)]
	k.checkPacked(p, q, rows, ids)
	if len(ids) > 0 {
		k.packed(p, false, packedArgs{q: q, rows: rows, ids: ids, out: out, warm: warm, base: base, a: -p.Step()})
	}
}

// packedArgs ask for base + a<q, c> + b<c, c> for the codes c of each row.
type packedArgs struct {
	q, rows    []byte
	ids, out   []uint32
	warm       int
	base, a, b uint32
}

func (k Kernels) checkPacked(p Packing, q, rows []byte, ids []uint32) {
	if p != Packed4 && p != Packed6 || len(q) == 0 || len(q)%PackedUnit != 0 || len(q) > MaxCodeDim {
		panic(fmt.Sprintf("vec: rows of %d codes of %d bits", len(q), p))
	}
	if len(ids) == 0 {
		return
	}
	if top, stride := k.maxID(ids), p.Stride(len(q)); uint64(top) >= uint64(len(rows)/stride) {
		panic(fmt.Sprintf("vec: row %d of %d bytes wanted, %d bytes there", top, stride, len(rows)))
	}
}

// packedPortable is the plain Go kernel; signed says what q's bytes are.
func packedPortable(p Packing, signed bool, x packedArgs) {
	stride, half := p.Stride(len(x.q)), PackedUnit/2
	for i, id := range x.ids {
		row := x.rows[int(id)*stride : (int(id)+1)*stride]
		var s1, s2 uint32
		for at, q := 0, x.q; len(q) >= PackedUnit; at, q = at+p.block(), q[PackedUnit:] {
			low, high := (*[PackedUnit / 2]byte)(q), (*[PackedUnit / 2]byte)(q[half:])
			for j, b := range (*[PackedUnit / 2]byte)(row[at:]) {
				c0, c1 := uint32(b&15), uint32(b>>4)
				if p == Packed6 {
					top := row[at+64+j%32] >> (2 * (j / 32))
					c0, c1 = c0|uint32(top&3)<<4, c1|uint32(top>>4&3)<<4
				}
				q0, q1 := uint32(low[j]), uint32(high[j])
				if signed {
					q0, q1 = uint32(int8(low[j])), uint32(int8(high[j]))
				}
				s1 += q0*c0 + q1*c1
				s2 += c0*c0 + c1*c1
			}
		}
		x.out[i] = x.base + x.a*s1 + x.b*s2
	}
}
