package vec

import "fmt"

// WarmBytes is how much of a row Unvisited prefetches; the value to pass as
// warm to the kernel call that follows it.
const WarmBytes = 512

// Unvisited is the first half of a step of a graph walk: it appends to out[:0]
// those of ids that are below limit and whose bit in visited is clear, in
// order, sets their bits, starts to load the first WarmBytes of their rows (of
// stride bytes each, whatever they hold) into the cache, and returns how many
// there are.
//
// visited has a bit for each number below limit, rows a row, and out room for
// len(ids). ahead, possibly empty, is the list that the walk will likely need
// next; its start is prefetched too. Other goroutines may store to ids by
// atomic stores meanwhile.
func (k Kernels) Unvisited(ids []uint32, visited []uint64, limit int, out []uint32, rows []byte, stride int, ahead []uint32) int {
	if len(ids) == 0 || limit <= 0 {
		return 0
	}
	if limit > 64*len(visited) || len(out) < len(ids) || stride < 1 || limit > len(rows)/stride {
		panic(fmt.Sprintf("vec: limit %d with %d visited bits, %d rows; %d ids into %d",
			limit, 64*len(visited), len(rows)/max(stride, 1), len(ids), len(out)))
	}
	return k.unvisited(ids, visited, limit, out, rows, stride, ahead)
}
