package indextest

import (
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
)

// Typed makes vectors of an element of float32 ones: int8 in steps of a sixteenth,
// bits of signs, of which the dimension is a multiple of 8.
func Typed(e vecindex.Element, rows vecindex.Vectors) vecindex.Source {
	var of vec.Element
	switch e {
	case vecindex.Float16:
		of = vec.Float16s
	case vecindex.BFloat16:
		of = vec.BFloat16s
	case vecindex.Int8:
		of = vec.Int8s
	case vecindex.Binary:
		of = vec.Bits
	default:
		return rows
	}
	data := make([]byte, of.Size(rows.Dimension)*rows.Rows())
	switch of {
	case vec.Float16s:
		vec.EncodeFloat16(data, rows.Data)
	case vec.BFloat16s:
		vec.EncodeBFloat16(data, rows.Data)
	case vec.Int8s:
		for i, v := range rows.Data {
			data[i] = byte(int8(min(max(16*v, -128), 127)))
		}
	default:
		for i, v := range rows.Data {
			if v > 0 {
				data[i/8] |= 1 << (i % 8)
			}
		}
	}
	return vecindex.Packed{Data: vec.Packed(of, rows.Dimension, data), Present: rows.Present}
}

// QueryOf is the query with a vector for rows of an element.
func QueryOf(e vecindex.Element, vector []float32) vecindex.Query {
	if e != vecindex.Int8 && e != vecindex.Binary {
		return vecindex.Query{Vector: vector}
	}
	row := Typed(e, vecindex.Vectors{Data: vector, Dimension: len(vector)}).Matrix()
	return vecindex.Query{Bytes: row.Bytes()}
}

// MetricsOf returns the metrics that vectors of an element have.
func MetricsOf(e vecindex.Element) []vecindex.Metric {
	var all []vecindex.Metric
	for m := vecindex.L2; m <= vecindex.BM25; m++ {
		if m.Measures(e) {
			all = append(all, m)
		}
	}
	return all
}
