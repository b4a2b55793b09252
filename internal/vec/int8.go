package vec

// MaxInt8Dim is the largest dimension of int8 vectors: no distance reaches 2^31.
const MaxInt8Dim = 1 << 15

// int8Portable computes the distance of q and row from element from on.
func int8Portable(m Measure, q, row []byte, from int) int32 {
	q, row = q[from:], row[from:]
	var s0, s1, s2, s3 int32
	if m == MeasureL2 {
		for len(q) >= 4 && len(row) >= 4 {
			d0, d1 := int32(int8(q[0]))-int32(int8(row[0])), int32(int8(q[1]))-int32(int8(row[1]))
			d2, d3 := int32(int8(q[2]))-int32(int8(row[2])), int32(int8(q[3]))-int32(int8(row[3]))
			s0 += d0 * d0
			s1 += d1 * d1
			s2 += d2 * d2
			s3 += d3 * d3
			q, row = q[4:], row[4:]
		}
		for i, v := range q {
			d := int32(int8(v)) - int32(int8(row[i]))
			s0 += d * d
		}
		return s0 + s1 + s2 + s3
	}
	for len(q) >= 4 && len(row) >= 4 {
		s0 += int32(int8(q[0])) * int32(int8(row[0]))
		s1 += int32(int8(q[1])) * int32(int8(row[1]))
		s2 += int32(int8(q[2])) * int32(int8(row[2]))
		s3 += int32(int8(q[3])) * int32(int8(row[3]))
		q, row = q[4:], row[4:]
	}
	for i, v := range q {
		s0 += int32(int8(v)) * int32(int8(row[i]))
	}
	return s0 + s1 + s2 + s3
}

// int8RowsPortable sets out[i] to the distance of q and row ids[i], or row i
// without ids.
func int8RowsPortable(m Measure, q, rows []byte, ids []uint32, out []int32) {
	for i := range out {
		out[i] = int8Portable(m, q, rowAt(rows, len(q), ids, i), 0)
	}
}

func int8Sum(q []byte) int32 {
	sum := int32(0)
	for _, v := range q {
		sum += int32(int8(v))
	}
	return sum
}

// DecodeInt8 sets dst to the int8 of row, a byte an element.
func DecodeInt8(dst []float32, row []byte) {
	for i, b := range row[:len(dst)] {
		dst[i] = float32(int8(b))
	}
}
