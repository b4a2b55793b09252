package diskann

const (
	pageSize = 4096
	unit     = 512 // of larger blocks
)

// shape is how nodes lie in blocks, which are what is read at a time. A node is
// its vector, the length of its list, and room for as many neighbours as a list
// may have. A page has as many nodes as fit whole; a node that does not fit one
// has a block of its own, of whole units, so that few of them touch a page more
// than they need.
type shape struct{ dim, degree int }

// words is the size of a node in words of 32 bits.
func (s shape) words() int { return s.dim + 1 + s.degree }

// perBlock is the number of nodes in a block.
func (s shape) perBlock() int { return max(1, pageSize/(4*s.words())) }

// block is the size of a block in bytes.
func (s shape) block() int {
	if n := 4 * s.words(); n > pageSize {
		return (n + unit - 1) / unit * unit
	}
	return pageSize
}

// blocks is the number of blocks of so many nodes.
func (s shape) blocks(nodes int) int { return (nodes + s.perBlock() - 1) / s.perBlock() }

// node cuts the i-th node out of the words of a block. A length that is too
// large, as in a file that changed since it was checked, is cut.
func (s shape) node(block []uint32, i int) (list []uint32, vector []float32) {
	at := block[i*s.words():][:s.words()]
	n := min(int(at[s.dim]), s.degree)
	return at[s.dim+1:][:n], floats(at[:s.dim])
}
