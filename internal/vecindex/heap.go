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
