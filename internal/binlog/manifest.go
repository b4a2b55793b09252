package binlog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/objectstore"
)

// Manifest names the objects of one version of a segment. It is written after
// all of them: whoever has a manifest has the segment.
type Manifest struct {
	Collection     base.ID        `json:"collection"`
	Shard          int32          `json:"shard"`
	Partition      base.ID        `json:"partition"`
	Segment        base.ID        `json:"segment"`
	Task           base.ID        `json:"task"`
	Level          int32          `json:"level"`
	Rows           int            `json:"rows"`
	MinTime        base.Timestamp `json:"min_time"`
	MaxTime        base.Timestamp `json:"max_time"`
	DeletesApplied base.Timestamp `json:"deletes_applied"` // rows deleted up to here are not in the segment
	SchemaVersion  int64          `json:"schema_version"`
	PrimaryKey     base.ID        `json:"primary_key"`
	Columns        []StoredColumn `json:"columns"` // of the fields, and TimeField
	Stats          Object         `json:"stats"`
}

// StoredColumn is one column of a segment.
type StoredColumn struct {
	Field   base.ID     `json:"field"`
	Name    string      `json:"name"` // when it was written; for people
	Type    schema.Type `json:"type"`
	Element schema.Type `json:"element,omitempty"`
	Dim     int         `json:"dim,omitempty"`
	Object  Object      `json:"object"`
}

// maxManifest bounds a manifest, in bytes.
const maxManifest = 16 << 20

// WriteManifest stores a manifest.
func WriteManifest(ctx context.Context, store objectstore.Store, key string, m *Manifest) (Object, error) {
	if err := m.check(); err != nil {
		return Object{}, fmt.Errorf("write %s: %w", key, err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return Object{}, fmt.Errorf("write %s: %w", key, err)
	}
	if len(b) > maxManifest {
		return Object{}, fmt.Errorf("write %s: %d bytes, at most %d", key, len(b), maxManifest)
	}
	return putFrame(ctx, store, key, manifestObject, nil, int64(len(b)), func(f *frameWriter) error {
		f.write(b)
		return f.err
	})
}

// ReadManifest reads a manifest and checks all of it.
func ReadManifest(ctx context.Context, files objectstore.Files, key string) (*Manifest, error) {
	m, err := files.Pin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.Unpin() }() // everything was copied
	return parseManifest(key, m.Bytes())
}

func parseManifest(key string, b []byte) (*Manifest, error) {
	f, err := openFrame(key, b, manifestObject)
	if err != nil {
		return nil, err
	}
	if err := f.verify(); err != nil {
		return nil, err
	}
	if len(f.body) > maxManifest {
		return nil, f.malformed("%d bytes, at most %d", len(f.body), maxManifest)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(f.body))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, f.malformed("%v", err)
	}
	if err := m.check(); err != nil {
		return nil, f.malformed("%v", err)
	}
	return m, nil
}

// check reports a manifest that cannot be of a segment.
func (m *Manifest) check() error {
	if m.Rows <= 0 || m.Rows > maxRows {
		return fmt.Errorf("%d rows", m.Rows)
	}
	seen := map[base.ID]bool{}
	for _, c := range m.Columns {
		if seen[c.Field] {
			return fmt.Errorf("field %d has two columns", c.Field)
		}
		if c.Dim < 0 || c.Dim > maxDim || c.Type == schema.FloatVector && c.Dim == 0 {
			return fmt.Errorf("field %d has dimension %d", c.Field, c.Dim)
		}
		seen[c.Field] = true
	}
	if !seen[m.PrimaryKey] || !seen[TimeField] {
		return fmt.Errorf("no primary key %d or no timestamps", m.PrimaryKey)
	}
	return nil
}

// Column returns the stored column of a field, nil if the segment has none.
func (m *Manifest) Column(field base.ID) *StoredColumn {
	for i := range m.Columns {
		if m.Columns[i].Field == field {
			return &m.Columns[i]
		}
	}
	return nil
}

// Objects returns every object that the manifest names; its own is not among
// them.
func (m *Manifest) Objects() []Object {
	out := make([]Object, 0, len(m.Columns)+1)
	for _, c := range m.Columns {
		out = append(out, c.Object)
	}
	return append(out, m.Stats)
}

// Bytes returns the size of all objects that the manifest names.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, o := range m.Objects() {
		n += o.Size
	}
	return n
}

// Column views the stored column in its mapped object. It checks the frame
// and all that reading a value relies on, but not the checksums of the blocks:
// Verify does that without touching the map.
func (c *StoredColumn) Column(object []byte, rows int) (*column.Column, error) {
	o, err := parseColumns(c.Object.Key, object, columnsObject, 0)
	if err != nil {
		return nil, err
	}
	if err := o.frame.expect(c.Object, len(object)); err != nil {
		return nil, err
	}
	col := o.Column(c.Field)
	if col == nil || col.Len() != rows || col.Type != c.Type || col.Element != c.Element || col.Dim != c.Dim {
		return nil, o.frame.malformed("not the column of field %d with %d rows", c.Field, rows)
	}
	return col, nil
}
