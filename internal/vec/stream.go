package vec

// streamAhead is how many bytes ahead of the rows that are computed those of a stream
// are prefetched, a page: the machine's own prefetcher stops at its end. Of 1, 4 and
// 8 KiB it was the shortest that was best for a scan of a million rows of 128 floats.
// Rows that are in the cache already take a sixth to a third longer.
const streamAhead = 4096

// Stream is Rows, with the same bits, for a caller who goes on with the rows behind
// those, none of which is in the cache: they are prefetched, where that was found to pay.
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
