package vecindex

import "github.com/redkite-db/redkite/internal/vec"

// Seen is the rows that a walk has met, for one goroutine at a time. It is
// reused: to forget a walk costs no more than the walk did.
type Seen struct {
	Bits []uint64 // a bit for each row
	Log  []uint32 // the rows, in the order of their being met
}

// Begin forgets the last walk and makes room for rows below limit.
func (s *Seen) Begin(limit int) {
	if len(s.Log) < len(s.Bits)/8 {
		for _, row := range s.Log {
			s.Bits[row/64] = 0
		}
	} else {
		clear(s.Bits)
	}
	s.Log = s.Log[:0]
	if words := (limit + 63) / 64; len(s.Bits) < words {
		s.Bits = make([]uint64, words+words/4) // live indexes grow
	}
}

// Has reports whether a row below Begin's limit was met.
func (s *Seen) Has(row uint32) bool { return s.Bits[row/64]>>(row%64)&1 != 0 }

// Add marks a row that was not met before.
func (s *Seen) Add(row uint32) {
	s.Bits[row/64] |= 1 << (row % 64)
	s.Log = append(s.Log, row)
}

// Fresh returns those of list that are below limit and were not met, in order,
// and adds them. It is vec.Kernels.Unvisited, which says what the rest is for; the
// slice is a part of Log.
func (s *Seen) Fresh(k vec.Kernels, list []uint32, limit int, rows []byte, stride int, ahead []uint32) []uint32 {
	at := len(s.Log)
	if cap(s.Log)-at < len(list) {
		s.Log = append(make([]uint32, 0, 2*cap(s.Log)+len(list)+1024), s.Log...)
	}
	room := s.Log[at : at+len(list)]
	n := k.Unvisited(list, s.Bits, limit, room, rows, stride, ahead)
	s.Log = s.Log[:at+n]
	return room[:n]
}
