package vec

// streamAhead is how many bytes ahead of the rows that are computed those of a stream
// are prefetched, a page: the machine's own prefetcher stops at its end. A scan of a
// million rows of 128 floats by L2 takes, of the time of a plain sum over them, 1.30
// without, 0.87 with 1 KiB, 0.81 with 4 KiB and the same with 8 KiB. Rows that are in
// the cache already take a sixth to a third longer.
const streamAhead = 4096

// Stream is Rows, with the same bits, for a caller who goes on with the rows behind
// those, none of which is in the cache: they are prefetched.
func (k Kernels) Stream(by Measure, q *Probe, m *Matrix, from int, out []float32) {
	if m.elem != Float32s || from < 0 || from > m.rows || len(out) > m.rows-from {
		k.Rows(by, q, m, from, out)
		return
	}
	k.measure(by, q, m, from, nil, out, streamAhead)
}

// L2CodeStream is L2CodeRows as Stream is Rows.
func (k Kernels) L2CodeStream(q, rows []byte, out []uint32) {
	checkCodeRows(q, rows, len(out))
	if len(out) > 0 {
		k.l2Codes(q, rows, nil, out, streamAhead)
	}
}

// IPCodeStream is IPCodeRows as Stream is Rows.
func (k Kernels) IPCodeStream(q []byte, base uint32, rows []byte, out []uint32) {
	checkCodeRows(q, rows, len(out))
	if len(out) > 0 {
		k.ipCodes(q, base, rows, nil, out, streamAhead)
	}
}
