package segment

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/binlog"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

const (
	// chunkRows and chunkBytes bound the piece of a column that is copied on
	// its way to the store.
	chunkRows  = 4096
	chunkBytes = 1 << 20
	// writers is how many objects of a segment are stored at a time: they wait
	// for the disk more than for the processor.
	writers = 4
)

// WriteTask says which segment to write.
type WriteTask struct {
	Store      objectstore.Store
	Collection *schema.Collection
	Shard      base.Shard
	Partition  base.ID
	Segment    base.ID
	Task       base.ID        // in the objects' keys: no other attempt has it
	Deletes    base.Timestamp // rows deleted at or before are left out
	Level      int32
}

// Written is a stored segment.
type Written struct {
	Key      string // of the manifest
	Manifest *binlog.Manifest
	Bytes    int64 // of all objects
}

// WriteSealed merges the rows of the inputs, all of them, into one sealed
// segment, sorted by primary key and time, and stores it, the manifest last.
// The inputs are growing segments that get no more rows, or sealed ones to
// which the deletes up to t.Deletes were applied. It takes 8 bytes a row and
// some pieces of columns in memory. It returns nil if no row is left.
func WriteSealed(ctx context.Context, t WriteTask, inputs ...Segment) (*Written, error) {
	w := &sealedWriter{task: t}
	defer w.close()
	for _, in := range inputs {
		set, err := in.rows()
		if err != nil {
			return nil, fmt.Errorf("write segment %d from %d: %w", t.Segment, in.ID(), err)
		}
		w.sets = append(w.sets, set)
	}
	if err := w.merge(); err != nil {
		return nil, fmt.Errorf("write segment %d: %w", t.Segment, err)
	}
	if len(w.order) == 0 {
		return nil, nil
	}
	m, err := w.write(ctx)
	if err != nil {
		return nil, fmt.Errorf("write segment %d: %w", t.Segment, err)
	}
	return m, nil
}

// sealedWriter writes one segment.
type sealedWriter struct {
	task  WriteTask
	sets  []*rowSet
	order []rowRef // the rows of the segment, of sets
}

func (w *sealedWriter) close() {
	for _, s := range w.sets {
		s.close()
	}
}

// merge finds the order of the rows.
func (w *sealedWriter) merge() error {
	keys := make([]*column.Column, len(w.sets))
	times := make([][]base.Timestamp, len(w.sets))
	rows := make([][]uint32, len(w.sets))
	for i, s := range w.sets {
		if s.n == 0 {
			continue
		}
		var err error
		if keys[i], err = s.stored(w.task.Collection.Primary().ID); err != nil {
			return err
		}
		if keys[i] == nil {
			return errors.New("an input has no primary keys")
		}
		times[i], rows[i] = s.times, s.kept(keys[i], w.task.Deletes)
	}
	w.order = mergeOrder(keys, times, rows)
	return nil
}

func (w *sealedWriter) write(ctx context.Context) (*Written, error) {
	t := &w.task
	m := &binlog.Manifest{
		Collection: t.Shard.Collection, Shard: t.Shard.Index, Partition: t.Partition, Segment: t.Segment, Task: t.Task,
		Level: t.Level, Rows: len(w.order), DeletesApplied: t.Deletes, SchemaVersion: t.Collection.Version,
		PrimaryKey: t.Collection.Primary().ID,
	}
	m.MinTime, m.MaxTime = w.timeRange()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	sources, err := w.sources(gctx)
	if err != nil {
		return nil, err
	}
	m.Columns = make([]binlog.StoredColumn, len(sources))
	for i := range sources {
		src := &sources[i]
		m.Columns[i] = binlog.StoredColumn{Field: src.Field, Type: src.Like.Type, Element: src.Like.Element, Dim: src.Like.Dim}
		if f := t.Collection.FieldByID(src.Field); f != nil {
			m.Columns[i].Name = f.Name
		}
		group.Go(func() (err error) {
			m.Columns[i].Object, err = binlog.WriteColumns(gctx, t.Store, w.key(binlog.ColumnKey, src.Field), *src)
			return err
		})
	}
	group.Go(func() (err error) {
		m.Stats, err = w.writeStats(gctx, sources)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	key := w.key(binlog.ManifestKey, 0)
	o, err := binlog.WriteManifest(ctx, t.Store, key, m)
	if err != nil {
		return nil, err
	}
	return &Written{Key: key, Manifest: m, Bytes: m.Bytes() + o.Size}, nil
}

func (w *sealedWriter) key(kind binlog.KeyKind, field base.ID) string {
	t := &w.task
	return binlog.Key{
		Kind: kind, Task: t.Task, Collection: t.Shard.Collection, Partition: t.Partition, Segment: t.Segment, Field: field,
	}.String()
}

func (w *sealedWriter) timeRange() (first, last base.Timestamp) {
	first = base.MaxTimestamp
	for _, r := range w.order {
		at := w.sets[r.src].times[r.row]
		first, last = min(first, at), max(last, at)
	}
	return first, last
}

// sources returns the columns to write: one a field of the schema, and the
// times.
func (w *sealedWriter) sources(ctx context.Context) ([]binlog.Source, error) {
	out := make([]binlog.Source, 0, len(w.task.Collection.Fields)+1)
	for _, f := range w.task.Collection.Fields {
		s, err := w.source(ctx, f)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	times := make([]*column.Column, len(w.sets))
	for i, s := range w.sets {
		times[i] = &column.Column{Type: schema.Int64, Int64s: binlog.Int64s(s.times)}
	}
	return append(out, w.gathered(ctx, binlog.TimeField, &column.Column{Type: schema.Int64}, times)), nil
}

// source returns the column of a field; the rows of inputs that do not have it
// read as its default or null.
func (w *sealedWriter) source(ctx context.Context, f *schema.Field) (binlog.Source, error) {
	like := column.New(f)
	columns := make([]*column.Column, len(w.sets))
	for i, s := range w.sets {
		c, err := s.stored(f.ID)
		if err != nil {
			return binlog.Source{}, err
		}
		if c == nil && s.n > 0 {
			c = constant(f, like, s.n)
		}
		if c != nil && (c.Type != like.Type || c.Element != like.Element || c.Dim != like.Dim) {
			return binlog.Source{}, fmt.Errorf("field %d: an input has %v of dimension %d", f.ID, c.Type, c.Dim)
		}
		columns[i] = c
	}
	return w.gathered(ctx, f.ID, like, columns), nil
}

// gathered returns the rows of columns in the segment's order, in pieces. ctx
// is that of the writing.
func (w *sealedWriter) gathered(ctx context.Context, field base.ID, like *column.Column, columns []*column.Column) binlog.Source {
	s := binlog.Source{Field: field, Like: like, Rows: len(w.order)}
	for _, c := range columns {
		s.Nullable = s.Nullable || c != nil && !c.Valid.IsZero()
	}
	s.Chunks = func(yield func(*column.Column) error) error {
		windows := w.windows(columns)
		for at := 0; at < len(w.order); {
			n := pieceRows(columns, w.order[at:])
			from, refs, err := look(ctx, windows, columns, w.order[at:at+n])
			if err != nil {
				return err
			}
			piece := like.Like()
			gather(piece, from, refs)
			if err := yield(piece); err != nil {
				return err
			}
			at += n
		}
		return nil
	}
	return s
}

// pieceRows returns how many of the next rows make a piece: at least one.
func pieceRows(columns []*column.Column, next []rowRef) int {
	size := 0
	for i, r := range next[:min(len(next), chunkRows)] {
		if i > 0 && size >= chunkBytes {
			return i
		}
		switch c := columns[r.src]; c.Type {
		case schema.FloatVector:
			size += 4 * c.Dim
		case schema.VarChar, schema.JSON:
			size += int(c.Bytes.Offsets[r.row+1] - c.Bytes.Offsets[r.row])
		case schema.Array:
			lo, hi := c.Offsets[r.row], c.Offsets[r.row+1]
			size += 8 * int(hi-lo)
			if c.Items.Type == schema.VarChar && lo < hi {
				size += int(c.Items.Bytes.Offsets[hi] - c.Items.Bytes.Offsets[lo])
			}
		default:
			size += 8
		}
	}
	return min(len(next), chunkRows)
}

// writeStats collects and stores the statistics of the columns.
func (w *sealedWriter) writeStats(ctx context.Context, sources []binlog.Source) (binlog.Object, error) {
	b := binlog.NewStatsBuilder(len(w.order))
	primary := w.task.Collection.Primary().ID
	for i := range sources {
		s := &sources[i]
		if !binlog.HasBounds(s.Like.Type) || s.Field == binlog.TimeField {
			continue
		}
		err := s.Chunks(func(c *column.Column) error {
			if s.Field == primary {
				b.AddKeys(c)
			}
			b.Add(s.Field, c)
			return ctx.Err()
		})
		if err != nil {
			return binlog.Object{}, err
		}
	}
	return b.Write(ctx, w.task.Store, w.key(binlog.StatsKey, primary))
}
