package vecindex

// MHJaccard is the share of elements in which two MinHash signatures are the
// same, an estimate of the Jaccard index of the sets they are made of (A. Broder,
// "On the resemblance and containment of documents", 1997); larger is nearer.
const MHJaccard Metric = 11

// MinHashParams are the search parameters of MINHASH_LSH. Rows that share no
// band with the query are no hits, so that there may be fewer than K. SearchParams.Candidates
// bounds the rows that are compared by their elements.
type MinHashParams struct {
	// Jaccard: a hit's score is its share of equal elements, and the best come
	// first. Else all rows that share a band have the score 1, and some K of them
	// are the hits.
	Jaccard bool
}
