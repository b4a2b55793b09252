package ivf

import (
	"context"
	"math"
)

// scalar holds each element of a residual as a byte: the book has the smallest
// value of each element in a sample, then the step of each.
type scalar struct {
	*index
	stride int // bytes of a code, a multiple of vec.BytesUnit
}

func (c *scalar) codeBytes() int { return c.nodes * c.stride }

func (c *scalar) low() []float32  { return c.book[:len(c.book)/2] }
func (c *scalar) step() []float32 { return c.book[len(c.book)/2:] }

func (c *scalar) learn(_ context.Context, _ *builder, residuals []float32) error {
	dim := c.src.Dim()
	low, step := c.low(), c.step()
	for j := range low {
		least, most := float32(math.MaxFloat32), float32(-math.MaxFloat32)
		for i := j; i < len(residuals); i += dim {
			least, most = min(least, residuals[i]), max(most, residuals[i])
		}
		low[j], step[j] = least, (most-least)/math.MaxUint8
	}
	return nil
}

func (c *scalar) encoder() func(list, i int, residual []float32) {
	low, step := c.low(), c.step()
	held := make([]float32, len(low))
	return func(list, i int, residual []float32) {
		at := (int(c.ends[list]) + i) * c.stride
		code := c.codes[at : at+len(residual)]
		for j, r := range residual {
			u := float32(0)
			if step[j] > 0 {
				u = min(max((r-low[j])/step[j]+0.5, 0), math.MaxUint8)
			}
			code[j] = byte(u)
			// The product is rounded: a machine that would not gives other bits.
			held[j] = low[j] + float32(step[j]*float32(code[j]))
		}
		c.setBias(list, i, residual, held)
	}
}

// ask rounds the query, each element times its step, to 16 bits.
func (c *scalar) ask(s *scratch) {
	low, step := c.low(), c.step()
	if cap(s.weights) < c.stride {
		s.weights = make([]int16, c.stride)
	}
	s.weights = s.weights[:c.stride]
	clear(s.weights)
	base, most, all := float64(0), float64(0), float64(0)
	for j, q := range s.query {
		base += float64(q) * float64(low[j])
		w := math.Abs(float64(q) * float64(step[j]))
		most, all = max(most, w), all+w
	}
	s.base, s.unit = float32(base), 0
	if !(most > 0) || math.IsInf(all, 1) {
		return
	}
	// No sum of bytes with these weights reaches 2^31: rounding adds at most a
	// half each.
	scale := min(math.MaxInt16/most, (math.MaxInt32/math.MaxUint8-float64(c.stride))/all)
	for j, q := range s.query {
		s.weights[j] = int16(math.Round(float64(q) * float64(step[j]) * scale))
	}
	s.unit = float32(1 / scale)
}

func (c *scalar) near(s *scratch, list, from, n int, base, limit float32) uint64 {
	entry := int(c.ends[list]) + from
	at, bias := entry*c.stride, c.bias[entry:entry+n]
	c.kern.IPBytes(s.weights, c.codes[at:at+n*c.stride], s.whole[:n])
	low, unit, near := base+s.factor*s.base, s.factor*s.unit, uint64(0)
	for i, sum := range s.whole[:n] {
		d := low + bias[i] + unit*float32(sum)
		s.dist[i] = d
		if !(d > limit) { // no number is not
			near |= 1 << i
		}
	}
	return near
}

func (c *scalar) sum(s *scratch, list, i int) float32 {
	at := (int(c.ends[list]) + i) * c.stride
	c.kern.IPBytes(s.weights, c.codes[at:at+c.stride], s.whole[:1])
	return float32(s.whole[0])
}
