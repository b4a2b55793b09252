package main

// request is one line from the driver.
type request struct {
	Op string `json:"op"` // load, build, grow, select, run, dump, info or quit

	// load
	Base   string `json:"base"`   // file of float32, little-endian, row-major; for BM25 see sparse.go
	Query  string `json:"query"`  // the same
	Dim    int    `json:"dim"`    // elements of a row; not for BM25
	Metric string `json:"metric"` // L2, IP, COSINE or BM25

	// build and grow
	Params map[string]any `json:"params"` // as a client gives them, numbers allowed

	// select: from here on the queries are those of the groups, one group after
	// the other; without groups all of the file again, with all rows.
	Columns string  `json:"columns"` // file of int32: one number a row, column after column
	Groups  []group `json:"groups"`

	Step int `json:"step"` // grow: rows a call

	// run and dump; grow: searched with meanwhile, if not empty
	Search  map[string]any `json:"search"`
	Seconds float64        `json:"seconds"` // run: at least so long
	Queries int            `json:"queries"` // run: the first so many, again and again; 0: all
	K       int            `json:"k"`       // dump: answers a query; 0: 10
	Path    string         `json:"path"`    // dump: where to, int32

	Threads int `json:"threads"` // build, grow, run, dump: 0 is 1
}

// group is queries that the same rows may answer: those whose number in a column
// lies in [Low, High).
type group struct {
	Column  int   `json:"column"`
	Low     int32 `json:"low"`
	High    int32 `json:"high"`
	Queries []int `json:"queries"`
}

// reply answers a request: Error alone, or what its op fills in.
type reply struct {
	Error string `json:"error,omitempty"`

	Version string `json:"version,omitempty"` // info
	ISA     string `json:"isa,omitempty"`     // info

	Rows    int `json:"rows,omitempty"`    // load, grow
	Queries int `json:"queries,omitempty"` // load: in the file; select: chosen; run, grow: answered

	BytesPerVector float64 `json:"bytes_per_vector,omitempty"` // build
	WallS          float64 `json:"wall_s,omitempty"`           // build, run, dump
	CPUS           float64 `json:"cpu_s,omitempty"`            // build, run, dump; grow: without the searches
	SearchCPUS     float64 `json:"search_cpu_s,omitempty"`     // grow
}
