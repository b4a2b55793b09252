package vecindex

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redkite-db/redkite/internal/vec"
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

// The metrics of binary vectors.
const (
	Hamming        Metric = 4 // bits that differ, smaller is nearer
	Jaccard        Metric = 5 // 1 - common / set in either, 1 if none is set; smaller is nearer
	Substructure   Metric = 6 // 0 of a row that has all of the query's bits; no other row is a hit
	Superstructure Metric = 7 // 0 of a row of which the query has all bits; no other row is a hit
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
	case Hamming:
		return "HAMMING"
	case Jaccard:
		return "JACCARD"
	case Substructure:
		return "SUBSTRUCTURE"
	case Superstructure:
		return "SUPERSTRUCTURE"
	case BM25:
		return "BM25"
	case MHJaccard:
		return "MHJACCARD"
	default:
		return fmt.Sprintf("METRIC(%d)", uint8(m))
	}
}

// IsSimilarity reports whether a larger score is nearer.
func (m Metric) IsSimilarity() bool { return m == IP || m == Cosine || m == BM25 || m == MHJaccard }

// IsMatch reports whether a row is a hit or none, and all hits have one score.
func (m Metric) IsMatch() bool { return m == Substructure || m == Superstructure }

// Measures reports whether vectors of an element have the metric.
func (m Metric) Measures(e Element) bool {
	switch e {
	case Binary:
		return m >= Hamming && m <= Superstructure
	case SparseFloat32:
		return m == IP || m == BM25
	default:
		return m >= L2 && m <= Cosine
	}
}

// Measure returns what kernels compute for the metric of dense vectors.
func (m Metric) Measure() vec.Measure {
	switch m {
	case L2:
		return vec.MeasureL2
	case Hamming:
		return vec.MeasureHamming
	case Jaccard:
		return vec.MeasureJaccard
	case Substructure:
		return vec.MeasureSubstructure
	case Superstructure:
		return vec.MeasureSuperstructure
	default:
		return vec.MeasureIP
	}
}

// CheckMetric says that a metric is none of those of a kind.
func CheckMetric(m Metric, of ...Metric) error {
	if slices.Contains(of, m) {
		return nil
	}
	return ParamError(fmt.Sprintf("metric type %v not found or not supported, supported: %v", m, of))
}

// Better reports whether score a is nearer than score b.
func (m Metric) Better(a, b float32) bool {
	if m.IsSimilarity() {
		return a > b
	}
	return a < b
}
