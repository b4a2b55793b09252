package proxy

import (
	"context"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/mq"
)

// Upsert replaces rows by key, in the partition it names, and inserts those
// that were not there: one record a shard, so that a read sees a row before or
// after, never without. With automatic ids the sent keys name the rows that
// go, and the new rows get new keys.
func (s *Server) Upsert(ctx context.Context, req *milvuspb.UpsertRequest) (*milvuspb.MutationResult, error) {
	switch {
	case req.Namespace != nil:
		return nil, merr.NotSupported("namespace of an upsert")
	case req.GetPartialUpdate():
		return nil, merr.NotSupported("partial_update")
	case len(req.GetFieldOps()) > 0:
		return nil, merr.NotSupported("field_ops of an upsert")
	}
	var r *milvuspb.MutationResult
	err := retryMismatch(ctx, func() (err error) {
		r, err = s.upsert(ctx, req)
		return err
	})
	return r, err
}

func (s *Server) upsert(ctx context.Context, req *milvuspb.UpsertRequest) (*milvuspb.MutationResult, error) {
	info, part, err := s.target(ctx, req)
	if err != nil {
		return nil, err
	}
	rows, old, err := s.rowsToUpsert(info, req)
	if err != nil {
		return nil, err
	}
	keys := old
	if pk := info.Primary(); pk.AutoID {
		if keys, err = s.newKeys(ctx, pk, rows.Rows); err != nil {
			return nil, err
		}
		rows = withColumn(rows, pk.ID, keys)
	}
	ts, err := s.appendUpsert(ctx, info, part, rows, keys, old)
	if err != nil {
		return nil, err
	}
	r := mutation(keys, ts)
	r.UpsertCnt, r.InsertCnt, r.DeleteCnt = int64(rows.Rows), int64(rows.Rows), int64(rows.Rows)
	s.metrics.upserted.Add(float64(rows.Rows))
	return r, nil
}

// rowsToUpsert converts the rows; the keys that were sent are returned beside.
func (s *Server) rowsToUpsert(info *role.CollectionInfo, req *milvuspb.UpsertRequest) (*column.Batch, *column.Column, error) {
	pk := info.Primary()
	named := false
	for _, fd := range req.GetFieldsData() {
		named = named || fd.GetFieldName() == pk.Name
	}
	if !named && len(req.GetFieldsData()) > 0 && req.GetNumRows() > 0 {
		return nil, nil, merr.ParameterInvalid.Msg("must assign pk when upsert, primary field: %s", pk.Name)
	}
	rows, err := column.FromFieldData(info.Collection, req.GetFieldsData(), req.GetNumRows(), s.wireOptions(column.KeyGiven))
	if err != nil {
		return nil, nil, merr.AsInput(err)
	}
	keys := rows.Column(pk.ID)
	if hasDuplicates(keys) {
		return nil, nil, merr.ParameterInvalid.Msg("duplicate primary keys are not allowed in the same batch")
	}
	return rows, keys, nil
}

// withColumn returns the batch with one column replaced.
func withColumn(b *column.Batch, field base.ID, c *column.Column) *column.Batch {
	out := &column.Batch{Rows: b.Rows, Fields: b.Fields, Columns: append([]*column.Column(nil), b.Columns...)}
	for i, id := range out.Fields {
		if id == field {
			out.Columns[i] = c
		}
	}
	return out
}

// appendUpsert writes an upsert. The rows that go and the rows that come may be
// of different shards if new keys were made, and of different partitions if
// these follow from the rows (part 0).
func (s *Server) appendUpsert(ctx context.Context, info *role.CollectionInfo, part base.ID, rows *column.Batch, keys, old *column.Column) (base.Timestamp, error) {
	g := s.newGroup()
	for _, t := range slots(info, part, rows, keys) {
		m := &mq.Message{Kind: mq.Insert, Shard: t.shard, Partition: t.partition, SchemaVersion: info.Version, Rows: selectRows(rows, t.rows)}
		if keys == old {
			m.Kind, m.DeletePartition, m.Keys = mq.Upsert, part, selectKeys(old, t.rows)
		}
		g.Messages = append(g.Messages, m)
	}
	if keys != old {
		g.Messages = append(g.Messages, deletes(info, part, old)...)
	}
	return s.Writer.Append(ctx, info.Channel, g)
}

// hasDuplicates reports whether a key occurs twice.
func hasDuplicates(keys *column.Column) bool {
	if keys.Type == schema.VarChar {
		seen := make(map[string]struct{}, keys.Len())
		for _, k := range keys.Bytes.Strings() {
			seen[k] = struct{}{}
		}
		return len(seen) != keys.Len()
	}
	seen := make(map[int64]struct{}, keys.Len())
	for _, k := range keys.Int64s {
		seen[k] = struct{}{}
	}
	return len(seen) != keys.Len()
}
