package vecindex

// MinHeap is a binary heap of keys (see Key) with the smallest at the root.
type MinHeap []uint64

// Push adds a key.
func (h *MinHeap) Push(key uint64) {
	s := append(*h, key)
	*h = s
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s[up] <= key {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = key
}

// Pop removes the smallest key, of which there must be one, and returns it.
func (h *MinHeap) Pop() uint64 {
	s := *h
	root, n := s[0], len(s)-1
	key := s[n]
	s = s[:n]
	*h = s
	if n == 0 {
		return root
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && s[down+1] < s[down] {
			down++
		}
		if s[down] >= key {
			break
		}
		s[i] = s[down]
		i = down
	}
	s[i] = key
	return root
}

// keepKeys bounds what Keep keeps: an iterator that went far may hold much more
// than a search ever needs.
const keepKeys = 1 << 16

// Keep empties h for the next search: its memory stays unless it is much.
func (h *MinHeap) Keep() {
	if *h = (*h)[:0]; cap(*h) > keepKeys {
		*h = nil
	}
}

// Give removes the n smallest keys, or all if there are fewer, and appends them to
// out as hits.
func (h *MinHeap) Give(m Metric, n int, out []Hit) []Hit {
	for range min(n, len(*h)) {
		key := h.Pop()
		out = append(out, Hit{Row: KeyRow(key), Score: m.Distance(KeyDist(key))})
	}
	return out
}
