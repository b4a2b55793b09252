package vecindex

import "strings"

// AutoIndex is the index_type by which a client leaves the choice to the
// server.
const AutoIndex = "AUTOINDEX"

// AutoMetric is the metric of AUTOINDEX when the client names none.
const AutoMetric = Cosine

// Resolve maps the index_type of a float vector field, in any case, to the
// name of the kind that serves it and the parameters that the choice implies,
// nil when they are the client's own. AUTOINDEX, like no name at all, is HNSW
// with M 18 and efConstruction 240.
func Resolve(indexType string) (kind string, p Params) {
	name := strings.ToUpper(indexType)
	if name == "" || name == AutoIndex {
		return "HNSW", Params{"M": "18", "efConstruction": "240"}
	}
	return name, nil
}
