package vecindex

import (
	"iter"

	"github.com/redkite-db/redkite/internal/vec"
)

// Spread yields about n of the rows that have a vector, at equal distances: no
// more than n, and at least half as many if there are n.
func Spread(s Source, n int) iter.Seq[int] { return SpreadFrom(s, 0, n) }

// SpreadFrom is Spread among the rows from a row on.
func SpreadFrom(s Source, from, n int) iter.Seq[int] {
	return func(yield func(row int) bool) {
		every := Nodes(s.Valid(), from, s.Rows())/n + 1
		for row, i := NextNode(s.Valid(), from), 0; row < s.Rows(); row, i = NextNode(s.Valid(), row+1), i+1 {
			if i%every == 0 && !yield(row) {
				return
			}
		}
	}
}

// Sample returns the floats of the rows of Spread, for Cosine their unit vectors.
func Sample(kern vec.Kernels, s Source, metric Metric, n int) []float32 {
	var sample []float32
	m, room := s.Matrix(), make([]float32, s.Dim())
	for row := range Spread(s, n) {
		v := m.Floats(row, room)
		at := len(sample)
		sample = append(sample, v...)
		if metric == Cosine {
			kern.Normalize(sample[at:], v)
		}
	}
	return sample
}

// TrainCoder returns the coder of a byte an element that suits a sample of the
// elements of rows, which it sorts; false if none does.
func TrainCoder(metric Metric, sample []float32) (vec.Coder, bool) {
	if metric == L2 {
		return vec.TrainL2(sample)
	}
	return vec.TrainIP(sample)
}
