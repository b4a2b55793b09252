package hnsw

import "github.com/redkite-db/redkite/internal/vecindex"

// ByVectors has a growing index, still empty, go without codes.
func ByVectors(x vecindex.Live) { x.(*live).follower = nil }
