package vecindex

import (
	"fmt"
	"strings"
)

// Metric is a measure of nearness of two vectors. The values are part of file
// formats.
type Metric uint8

// The metrics of float vectors.
const (
	L2     Metric = 1 // squared Euclidean distance, smaller is nearer
	IP     Metric = 2 // inner product, larger is nearer
	Cosine Metric = 3 // inner product of the unit vectors, 0 for a zero vector; larger is nearer
)

// BM25 ranks sparse vectors that count terms (S. Robertson and H. Zaragoza, "The
// Probabilistic Relevance Framework", 2009, section 3.4); larger is nearer.
const BM25 Metric = 10

// ParseMetric returns the metric of that name, in any case. The error is a
// ParamError.
func ParseMetric(name string) (Metric, error) {
	for _, m := range []Metric{L2, IP, Cosine} {
		if strings.EqualFold(name, m.String()) {
			return m, nil
		}
	}
	return 0, ParamError(fmt.Sprintf("float vector index does not support metric type: %s", name))
}

// String returns the name that clients use.
func (m Metric) String() string {
	switch m {
	case L2:
		return "L2"
	case IP:
		return "IP"
	case Cosine:
		return "COSINE"
	case BM25:
		return "BM25"
	case MHJaccard:
		return "MHJACCARD"
	default:
		return fmt.Sprintf("METRIC(%d)", uint8(m))
	}
}

// IsSimilarity reports whether a larger score is nearer.
func (m Metric) IsSimilarity() bool { return m != L2 }

// Better reports whether score a is nearer than score b.
func (m Metric) Better(a, b float32) bool {
	if m.IsSimilarity() {
		return a > b
	}
	return a < b
}
