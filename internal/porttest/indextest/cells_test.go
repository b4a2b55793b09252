package indextest_test

import (
	"testing"

	"github.com/redkite-db/redkite/internal/porttest/indextest"
	"github.com/redkite-db/redkite/internal/vec"
	"github.com/redkite-db/redkite/internal/vecindex"
	"github.com/redkite-db/redkite/internal/vecindex/annoy"
	"github.com/redkite-db/redkite/internal/vecindex/binivf"
	"github.com/redkite-db/redkite/internal/vecindex/diskann"
	"github.com/redkite-db/redkite/internal/vecindex/hnsw"
	"github.com/redkite-db/redkite/internal/vecindex/ivf"
)

// floors has the floors of each kind of dense vectors. FLAT has no sparse ones and
// no MHJACCARD: the tests of sparse and minhash compare those with plain
// arithmetic.
var floors = map[string][]indextest.Floor{
	"FLAT":     {{Recall: 1}},
	"BIN_FLAT": {{Recall: 1}},
	"HNSW": {
		{Build: vecindex.Params{"M": "16", "efConstruction": "100"}, Search: map[string]any{"ef": 64.0}, Recall: 0.98},
		{Build: vecindex.Params{"M": "8", "efConstruction": "40"}, Search: map[string]any{"ef": 16.0}, Recall: 0.82},
	},
	"HNSW_SQ": {
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "sq_type": "SQ4U"}, Search: map[string]any{"ef": 64.0}, Recall: 0.98},
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "sq_type": "SQ6"}, Search: map[string]any{"ef": 64.0}, Recall: 0.98},
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "sq_type": "SQ8"}, Search: map[string]any{"ef": 64.0}, Recall: 0.98},
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "sq_type": "FP16"}, Search: map[string]any{"ef": 64.0}, Recall: 0.98},
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "sq_type": "BF16"}, Search: map[string]any{"ef": 64.0}, Recall: 0.98},
	},
	"HNSW_PQ": {
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "m": "8"}, Search: map[string]any{"ef": 64.0}, Recall: 0.95},
		{Build: vecindex.Params{"M": "16", "efConstruction": "100", "m": "16", "nbits": "6"}, Search: map[string]any{"ef": 64.0}, Recall: 0.95},
	},
	"HNSW_PRQ": {{Build: vecindex.Params{"M": "16", "efConstruction": "100", "m": "4", "nrq": "2"}, Search: map[string]any{"ef": 64.0}, Recall: 0.95}},
	"DISKANN": {
		{Build: vecindex.Params{}, Search: map[string]any{"search_list": 60.0}, Recall: 0.98},
		{Build: vecindex.Params{"max_degree": "16"}, Search: map[string]any{"search_list": 16.0}, Recall: 0.8},
	},
	"ANNOY": {
		{Build: vecindex.Params{"n_trees": "16"}, Search: map[string]any{"search_k": 1500.0}, Recall: 0.95},
		{Build: vecindex.Params{"n_trees": "8"}, Search: map[string]any{}, Recall: 0.75},
	},
	"IVF_FLAT":            lists(nil),
	"IVF_SQ8":             lists(nil),
	"IVF_PQ":              append(lists(vecindex.Params{"m": "16"}), lists(vecindex.Params{"m": "8", "nbits": "6"})[0], lists(vecindex.Params{"m": "32", "nbits": "4"})[0]),
	"IVF_RABITQ":          lists(nil),
	"IVF_RABITQ_FASTSCAN": lists(nil),
	"SCANN":               append(lists(nil), lists(vecindex.Params{"sub_dim": "4"})[0]),
	"BIN_IVF_FLAT":        lists(nil),
}

// lists are floors of few lists, of many, and of one list.
func lists(p vecindex.Params) []indextest.Floor {
	with := func(lists string) vecindex.Params {
		all := vecindex.Params{"nlist": lists}
		for k, v := range p {
			all[k] = v
		}
		return all
	}
	return []indextest.Floor{
		{Build: with("32"), Search: map[string]any{"nprobe": 8.0}, Recall: 0.95},
		{Build: with("100"), Search: map[string]any{"nprobe": 10.0}, Recall: 0.97},
		{Build: with("32"), Search: map[string]any{"nprobe": 1.0}, Recall: 0.7},
		{Build: with("16"), Search: map[string]any{"nprobe": 16.0}, Recall: 0.99},
	}
}

// TestFloors fails for a kind, an element or a metric that has no floor.
func TestFloors(t *testing.T) {
	indextest.SlowUnderRace(t)
	kern := vec.Detect()
	kinds := append([]vecindex.Kind{
		vecindex.Flat(kern, 1), vecindex.BinFlat(kern, 1), diskann.Kind(kern), annoy.Kind(kern), binivf.Kind(kern),
	}, append(hnsw.Kinds(kern), ivf.Kinds(kern)...)...)
	for _, kind := range kinds {
		t.Run(kind.Name, func(t *testing.T) {
			if len(floors[kind.Name]) == 0 {
				t.Fatal("no floors")
			}
			indextest.RunFloors(t, kern, kind, floors[kind.Name])
		})
	}
}
