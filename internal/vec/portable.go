package vec

import "sync/atomic"

// The plain Go kernels. Eight sums run side by side so that an addition need
// not wait for the one before it.

func l2RowPortable(q, row []float32) float32 {
	row = row[:len(q)]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(q) >= 8 && len(row) >= 8 {
		d0, d1, d2, d3 := q[0]-row[0], q[1]-row[1], q[2]-row[2], q[3]-row[3]
		d4, d5, d6, d7 := q[4]-row[4], q[5]-row[5], q[6]-row[6], q[7]-row[7]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		s4 += d4 * d4
		s5 += d5 * d5
		s6 += d6 * d6
		s7 += d7 * d7
		q, row = q[8:], row[8:]
	}
	for i, v := range q {
		d := v - row[i]
		s0 += d * d
	}
	return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))
}

func ipRowPortable(q, row []float32) float32 {
	row = row[:len(q)]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(q) >= 8 && len(row) >= 8 {
		s0 += q[0] * row[0]
		s1 += q[1] * row[1]
		s2 += q[2] * row[2]
		s3 += q[3] * row[3]
		s4 += q[4] * row[4]
		s5 += q[5] * row[5]
		s6 += q[6] * row[6]
		s7 += q[7] * row[7]
		q, row = q[8:], row[8:]
	}
	for i, v := range q {
		s0 += v * row[i]
	}
	return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))
}

// rowAt returns row ids[i], or row i without ids, of size elements each.
func rowAt[T byte | float32](rows []T, size int, ids []uint32, i int) []T {
	if ids != nil {
		i = int(ids[i])
	}
	return rows[i*size : (i+1)*size]
}

func l2Portable(q, rows []float32, ids []uint32, out []float32) {
	for i := range out {
		out[i] = l2RowPortable(q, rowAt(rows, len(q), ids, i))
	}
}

func ipPortable(q, rows []float32, ids []uint32, out []float32) {
	for i := range out {
		out[i] = ipRowPortable(q, rowAt(rows, len(q), ids, i))
	}
}

func unvisitedPortable(ids []uint32, visited []uint64, limit int, out []uint32) int {
	n := 0
	for i := range ids {
		id := atomic.LoadUint32(&ids[i])
		if int64(id) >= int64(limit) {
			continue
		}
		w, bit := id/64, uint64(1)<<(id%64)
		if visited[w]&bit == 0 {
			visited[w] |= bit
			out[n] = id
			n++
		}
	}
	return n
}

func l2CodesPortable(q, rows []byte, ids, out []uint32) {
	for i := range out {
		out[i] = l2CodePortable(q, rowAt(rows, len(q), ids, i))
	}
}

func ipCodesPortable(q []byte, base uint32, rows []byte, ids, out []uint32) {
	for i := range out {
		out[i] = base - ipCodePortable(q, rowAt(rows, len(q), ids, i))
	}
}

func l2CodePortable(q, row []byte) uint32 {
	var s0, s1, s2, s3 int32
	for len(q) >= 4 && len(row) >= 4 {
		d0, d1 := int32(q[0])-int32(row[0]), int32(q[1])-int32(row[1])
		d2, d3 := int32(q[2])-int32(row[2]), int32(q[3])-int32(row[3])
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		q, row = q[4:], row[4:]
	}
	return uint32(s0 + s1 + s2 + s3)
}

func ipCodePortable(q, row []byte) uint32 {
	var s0, s1, s2, s3 int32
	for len(q) >= 4 && len(row) >= 4 {
		s0 += int32(int8(q[0])) * int32(row[0])
		s1 += int32(int8(q[1])) * int32(row[1])
		s2 += int32(int8(q[2])) * int32(row[2])
		s3 += int32(int8(q[3])) * int32(row[3])
		q, row = q[4:], row[4:]
	}
	return uint32(s0 + s1 + s2 + s3)
}
