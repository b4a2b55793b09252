// Package minhash is MINHASH_LSH: locality-sensitive hashing of MinHash
// signatures by bands (J. Leskovec, A. Rajaraman and J. Ullman, "Mining of Massive
// Datasets", section 3.4). A band is a run of a signature's elements; two rows
// that agree in all of them are candidates to be near-duplicates.
//
// For each band there is a table of all rows by a hash of their elements in it.
// Rows that it gives are compared with the query by the elements themselves, from
// the Source, so that every hit shares a band with the query, whatever the hash.
package minhash

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/mem"
	"github.com/redkite-db/redkite/internal/vecindex"
)

const name = "MINHASH_LSH"

// env is what all indexes of the kind share.
type env struct {
	searchers sync.Pool // *searcher
}

// Kind returns MINHASH_LSH.
func Kind() vecindex.Kind {
	e := &env{}
	e.searchers.New = func() any { return new(searcher) }
	return vecindex.Kind{
		Name:  name,
		Types: []vecindex.Element{vecindex.Binary},
		Check: func(p vecindex.Params, dim int, m vecindex.Metric) error {
			_, err := parse(p, dim, m)
			return err
		},
		CheckSearch: checkSearch,
		Build: func(ctx context.Context, s vecindex.Source, m vecindex.Metric, p vecindex.Params, o vecindex.BuildOptions) (vecindex.Index, error) {
			if err := checkElement(s); err != nil {
				return nil, err
			}
			x, err := e.build(ctx, s, m, p, o)
			if err != nil {
				return nil, err // not x, a nil pointer in an interface
			}
			return x, nil
		},
		Open: func(f *mem.Map, s vecindex.Source, m vecindex.Metric, _ vecindex.Params) (vecindex.Index, error) {
			if err := checkElement(s); err != nil {
				return nil, errors.Join(err, f.Unpin())
			}
			x, err := e.open(f, s, m)
			if err != nil {
				return nil, err
			}
			return x, nil
		},
	}
}

// checkElement refuses sources of other vectors.
func checkElement(s vecindex.Source) error {
	m := s.Matrix()
	if e := vecindex.ElementOf(&m); e != vecindex.Binary {
		return fmt.Errorf("%s: vectors of %v", name, e)
	}
	return nil
}
