package proxy

import (
	"context"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/mq"
)

// writeRequest is what insert and upsert have in common.
type writeRequest interface {
	collectionRequest
	proto.Message
	GetPartitionName() string
	GetFieldsData() []*schemapb.FieldData
	GetNumRows() uint32
	GetSchemaTimestamp() uint64
}

// Insert adds rows. Rows of equal key may exist more than once.
func (s *Server) Insert(ctx context.Context, req *milvuspb.InsertRequest) (*milvuspb.MutationResult, error) {
	if req.Namespace != nil {
		return nil, merr.NotSupported("namespace of an insert")
	}
	var r *milvuspb.MutationResult
	err := retryMismatch(ctx, func() error {
		info, part, err := s.target(ctx, req)
		if err != nil {
			return err
		}
		rows, keys, err := s.rowsToInsert(ctx, info, req)
		if err != nil {
			return err
		}
		g := s.newGroup()
		for _, t := range slots(info, part, rows, keys) {
			g.Messages = append(g.Messages, &mq.Message{
				Kind: mq.Insert, Shard: t.shard, Partition: t.partition, SchemaVersion: info.Version, Rows: selectRows(rows, t.rows),
			})
		}
		ts, err := s.Writer.Append(ctx, info.Channel, g)
		if err != nil {
			return err
		}
		r = mutation(keys, ts)
		r.InsertCnt = int64(rows.Rows)
		s.metrics.inserted.Add(float64(rows.Rows))
		return nil
	})
	return r, err
}

// target finds the collection and partition that a write names; the partition
// is 0 if it follows from each row's partition key.
func (s *Server) target(ctx context.Context, req writeRequest) (*role.CollectionInfo, base.ID, error) {
	if limit := s.Limits.InsertBytes; limit >= 0 && int64(proto.Size(req)) > limit {
		return nil, 0, merr.ParameterTooLarge.With(merr.KV{Key: "message", Value: "insert request size exceeds maxInsertSize"})
	}
	info, err := s.collection(ctx, req)
	if err != nil {
		return nil, 0, err
	}
	if ts := req.GetSchemaTimestamp(); ts != 0 && ts != uint64(info.UpdatedAt) {
		return nil, 0, staleSchema{merr.SchemaMismatch.With(merr.KV{Key: "collection", Value: info.Name})}
	}
	if err := refuseNames(info, req.GetPartitionName()); err != nil {
		return nil, 0, err
	}
	if info.PartitionKeyed {
		return info, 0, nil
	}
	name := schema.DefaultPartition
	if req.GetPartitionName() != "" {
		if err := s.Limits.Schema.CheckPartitionName(req.GetPartitionName(), true); err != nil {
			return nil, 0, err
		}
		name = strings.TrimSpace(req.GetPartitionName())
	}
	p := partition(info, name)
	if p == nil {
		return nil, 0, partitionNotFound(name)
	}
	return info, p.ID, nil
}

// rowsToInsert converts the rows and completes them with keys.
func (s *Server) rowsToInsert(ctx context.Context, info *role.CollectionInfo, req writeRequest) (*column.Batch, *column.Column, error) {
	pk := info.Primary()
	rule := column.KeyGiven
	if pk.AutoID {
		rule = column.KeyAbsent
		if on, err := allowsAutoID(info.Collection); err != nil {
			return nil, nil, err
		} else if on {
			rule = column.KeyOptional
		}
	}
	rows, err := column.FromFieldData(info.Collection, req.GetFieldsData(), req.GetNumRows(), s.wireOptions(rule))
	if err != nil {
		return nil, nil, merr.AsInput(err)
	}
	keys := rows.Column(pk.ID)
	if keys == nil {
		if keys, err = s.newKeys(ctx, pk, rows.Rows); err != nil {
			return nil, nil, err
		}
		rows.Add(pk.ID, keys)
	}
	return rows, keys, nil
}

func (s *Server) wireOptions(rule column.KeyRule) column.WireOptions {
	return column.WireOptions{Key: rule, JSONLength: s.Limits.Schema.JSONLength, MaxBytes: s.Limits.FillBytes}
}

// newKeys makes n automatic primary keys, ascending.
func (s *Server) newKeys(ctx context.Context, pk *schema.Field, n int) (*column.Column, error) {
	first, err := s.Root.IDs(ctx, n)
	if err != nil {
		return nil, err
	}
	c := column.New(pk)
	for i := range n {
		id := first + base.ID(i)
		if pk.Type == schema.VarChar {
			c.Bytes.AppendString(strconv.FormatInt(id, 10))
		} else {
			c.Int64s = append(c.Int64s, id)
		}
	}
	return c, nil
}

// newGroup returns an empty group with a request id.
func (s *Server) newGroup() *mq.Group {
	g := &mq.Group{}
	s.Random(g.Request[:])
	return g
}

// selectRows returns the listed rows, all of them for nil.
func selectRows(b *column.Batch, rows []int) *column.Batch {
	if rows == nil {
		return b
	}
	return b.Select(rows)
}

func selectKeys(c *column.Column, rows []int) *column.Column {
	if rows == nil {
		return c
	}
	return pick(c, rows)
}

// mutation is the answer to a write of rows with these keys.
func mutation(keys *column.Column, ts base.Timestamp) *milvuspb.MutationResult {
	r := &milvuspb.MutationResult{Status: success(), IDs: keys.ToIDs(), Timestamp: uint64(ts), SuccIndex: make([]uint32, keys.Len())}
	for i := range r.SuccIndex {
		r.SuccIndex[i] = uint32(i)
	}
	return r
}
