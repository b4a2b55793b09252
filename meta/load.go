package meta

import (
	"context"
	"fmt"
	"strings"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
)

// Load finishes the large changes that were decided, removes the parts of
// those that were not, and reads the catalog. It is called once, before the
// first Apply.
func (c *Catalog) Load(ctx context.Context) (*State, error) {
	if err := c.finishBatches(ctx); err != nil {
		return nil, err
	}
	pairs, _, err := c.kv.List(ctx, c.root)
	if err != nil {
		return nil, fmt.Errorf("meta: reading the catalog: %w", err)
	}
	s := &State{Terms: map[base.Channel]int64{}}
	for _, p := range pairs {
		key := strings.TrimPrefix(p.Key, c.root)
		if err := s.add(key, p.Value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c *Catalog) finishBatches(ctx context.Context) error {
	batches, _, err := c.kv.List(ctx, c.root+batchPrefix)
	if err != nil {
		return fmt.Errorf("meta: reading unfinished changes: %w", err)
	}
	staged, _, err := c.kv.List(ctx, c.root+stagePrefix)
	if err != nil {
		return fmt.Errorf("meta: reading unfinished changes: %w", err)
	}
	decided := map[string]bool{}
	for _, b := range batches {
		decided[strings.TrimPrefix(b.Key, c.root+batchPrefix)] = true
	}
	for _, p := range staged {
		key := strings.TrimPrefix(p.Key, c.root)
		id, _, _ := strings.Cut(strings.TrimPrefix(key, stagePrefix), "/")
		var ops []Op
		if decided[id] {
			payload, err := unseal(key, p.Value)
			if err != nil {
				return err
			}
			if ops, err = decodeOps(payload); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
			}
		}
		if err := c.commit(ctx, append(ops, Op{Key: p.Key})); err != nil {
			return err
		}
	}
	for _, b := range batches {
		if err := c.commit(ctx, []Op{{Key: b.Key}}); err != nil {
			return err
		}
	}
	return nil
}

// add decodes one record into the state.
func (s *State) add(key string, value []byte) error {
	i := strings.IndexByte(key, '/')
	if i < 0 {
		return nil // the leader key
	}
	switch prefix := key[:i+1]; prefix {
	case segmentPrefix, deltaPrefix:
		return s.addBinary(prefix, key, value)
	case databasePrefix, collectionPrefix, partitionPrefix, aliasPrefix, indexPrefix, loadPrefix:
		return s.addSchema(prefix, key, value)
	case checkpointPrefix, termPrefix, taskPrefix, intentPrefix, garbagePrefix:
		return s.addProgress(prefix, key, value)
	case windowPrefix:
		return nil
	default:
		return fmt.Errorf("%w: unknown key %s", ErrCorrupt, key)
	}
}

func (s *State) addBinary(prefix, key string, value []byte) error {
	payload, err := unseal(key, value)
	if err != nil {
		return err
	}
	if prefix == segmentPrefix {
		seg, err := decodeSegment(payload)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
		}
		s.Segments = append(s.Segments, seg)
		return nil
	}
	d, err := decodeDelta(payload)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	s.Deltas = append(s.Deltas, d)
	return nil
}

// read decodes a JSON record and hands it on; one line for each kind below.
func read[R any](key string, value []byte, then func(R)) error {
	var r R
	if err := unsealJSON(key, value, &r); err != nil {
		return err
	}
	then(r)
	return nil
}

func (s *State) addSchema(prefix, key string, value []byte) error {
	switch prefix {
	case databasePrefix:
		return read(key, value, func(r databaseRecord) {
			s.Databases = append(s.Databases, &schema.Database{
				ID: r.ID, Name: r.Name, Properties: fromPairs(r.Properties), CreatedAt: r.CreatedAt,
			})
		})
	case collectionPrefix:
		var r collectionRecord
		if err := unsealJSON(key, value, &r); err != nil {
			return err
		}
		c, err := fromCollection(r)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
		}
		s.Collections = append(s.Collections, c)
		return nil
	case partitionPrefix:
		return read(key, value, func(r partitionRecord) {
			s.Partitions = append(s.Partitions, &schema.Partition{
				ID: r.ID, Collection: r.Collection, Name: r.Name, CreatedAt: r.CreatedAt,
			})
		})
	case aliasPrefix:
		return read(key, value, func(r aliasRecord) {
			s.Aliases = append(s.Aliases, &schema.Alias{DB: r.DB, Name: r.Name, Collection: r.Collection})
		})
	case indexPrefix:
		return read(key, value, func(r indexRecord) {
			s.Indexes = append(s.Indexes, &schema.Index{
				ID: r.ID, Collection: r.Collection, Field: r.Field, Name: r.Name, Type: r.Type, UserType: r.UserType,
				Metric: r.Metric, Params: r.Params, UserParams: fromPairs(r.UserParams), CreatedAt: r.CreatedAt,
			})
		})
	default:
		return read(key, value, func(r loadRecord) { l := Load(r); s.Loads = append(s.Loads, &l) })
	}
}

func (s *State) addProgress(prefix, key string, value []byte) error {
	switch prefix {
	case checkpointPrefix:
		return read(key, value, func(r checkpointRecord) {
			s.Checkpoints = append(s.Checkpoints, &Checkpoint{
				Shard:    base.Shard{Collection: r.Collection, Index: r.Shard},
				Version:  r.Version,
				Position: base.Position{Generation: r.Generation, Offset: string(r.Offset)},
				Time:     r.Time, Deletes: r.Deletes,
			})
		})
	case termPrefix:
		return read(key, value, func(r termRecord) { s.Terms[r.Channel] = r.Term })
	case taskPrefix:
		return read(key, value, func(r taskRecord) { t := Task(r); s.Tasks = append(s.Tasks, &t) })
	case intentPrefix:
		return read(key, value, func(r intentRecord) { i := Intent(r); s.Intents = append(s.Intents, &i) })
	default:
		return read(key, value, func(r garbageRecord) { g := Garbage(r); s.Garbage = append(s.Garbage, &g) })
	}
}
