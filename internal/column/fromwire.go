package column

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// KeyRule says what a request has to do about the primary key.
type KeyRule int

// The rules of the primary key.
const (
	KeyGiven    KeyRule = iota // every row names its key
	KeyOptional                // the caller adds the column if the request has none
	KeyAbsent                  // naming it is an error: the server makes it
)

// WireOptions bound and direct FromFieldData.
type WireOptions struct {
	Key        KeyRule
	JSONLength int   // bytes of one JSON value
	MaxBytes   int64 // that nulls and defaults may add to what was sent
}

// FromFieldData turns the columns of an insert or upsert into a batch with one
// column for every field of the collection, the primary key left out if the
// request has none and Key allows it. Numbers alias the memory of the message,
// which must not change afterwards; strings are copied. Missing nullable
// columns are null, missing columns with a default are filled with it. Errors
// are Milvus's, code and text.
func FromFieldData(c *schema.Collection, fields []*schemapb.FieldData, rows uint32, o WireOptions) (*Batch, error) {
	if rows == 0 {
		return nil, merr.InvalidParameter("invalid num_rows", "0", "num_rows should be greater than 0")
	}
	if rows > math.MaxInt32 {
		return nil, merr.InvalidParameter("invalid num_rows", rows, "num_rows should be less than 2147483648")
	}
	given, err := matchFields(c, fields)
	if err != nil {
		return nil, err
	}
	if err := checkComplete(c, given, o.Key); err != nil {
		return nil, err
	}
	r := wireReader{rows: int(rows), jsonLength: o.JSONLength, budget: o.MaxBytes}
	b := &Batch{Rows: r.rows}
	columns := make([]*Column, len(c.Fields))
	for i, f := range c.Fields { // what was sent first: it bounds what is made up after
		fd := given[f.Name]
		if fd == nil {
			continue
		}
		if columns[i], err = r.column(f, fd); err != nil {
			return nil, err
		}
		if f.Dynamic {
			if err := checkDynamic(c, columns[i]); err != nil {
				return nil, err
			}
		}
	}
	for i, f := range c.Fields {
		if columns[i] == nil && f.PrimaryKey {
			continue
		}
		if columns[i] == nil {
			if columns[i], err = r.absent(f); err != nil {
				return nil, err
			}
		}
		b.Add(f.ID, columns[i])
	}
	return b, b.Check()
}

// matchFields finds the schema's field for every column sent.
func matchFields(c *schema.Collection, fields []*schemapb.FieldData) (map[string]*schemapb.FieldData, error) {
	given := make(map[string]*schemapb.FieldData, len(fields))
	for _, fd := range fields {
		if fd == nil {
			return nil, merr.ParameterInvalid.Msg("a column of fields_data is empty")
		}
		name := fd.GetFieldName()
		if fd.GetIsDynamic() {
			name = schema.DynamicName
		}
		f := c.Field(name)
		if f == nil {
			if name == schema.DynamicName {
				return nil, merr.ParameterInvalid.Msg("without dynamic schema enabled, the field name cannot be set to %s", name)
			}
			return nil, merr.ParameterInvalid.Msg("fieldName %s not exist in collection schema, fieldType %s, fieldId %d: more fieldData has pass in", name, fd.GetType(), fd.GetFieldId())
		}
		if _, known := schemapb.DataType_name[int32(fd.GetType())]; !known {
			return nil, merr.ParameterInvalid.Msg("field '%s' has data of an unknown type %d", name, fd.GetType())
		}
		if given[name] != nil {
			return nil, merr.ParameterInvalid.Msg("duplicated field %s found", name)
		}
		given[name] = fd
	}
	return given, nil
}

// checkComplete reports a column that must be there and is not, or the other
// way round.
func checkComplete(c *schema.Collection, given map[string]*schemapb.FieldData, key KeyRule) error {
	for _, f := range c.Fields {
		sent := given[f.Name] != nil
		switch {
		case f.PrimaryKey && sent && key == KeyAbsent:
			return merr.ParameterInvalid.Msg("can not assign primary field data when auto id enabled and allow_insert_auto_id is false %s", f.Name)
		case f.PrimaryKey && !sent && key != KeyGiven:
		case !sent && !f.Dynamic && !f.Nullable && f.Default == nil:
			return merr.ParameterInvalid.Msg("fieldSchema(%s) has no corresponding fieldData pass in", f.Name)
		}
	}
	if len(given) == 0 {
		return merr.ParameterInvalid.Msg("fields_data is empty: no row can be read from it")
	}
	return nil
}

// wireReader converts the columns of one request.
type wireReader struct {
	rows       int
	jsonLength int
	budget     int64 // bytes that may still be made up
}

// checkValid reports a validity that is not one entry a row.
func (r *wireReader) checkValid(f *schema.Field, fd *schemapb.FieldData) error {
	valid := fd.GetValidData()
	if f.Nullable || f.Default != nil {
		if len(valid) != 0 && len(valid) != r.rows {
			return merr.InvalidParameter(r.rows, len(valid), "the length of valid_data of field(%s) is wrong", f.Name)
		}
	} else if len(valid) != 0 && !f.Dynamic {
		return merr.InvalidParameter(0, len(valid), "the length of valid_data of field(%s) is wrong", f.Name)
	}
	return nil
}

// column converts one field's data.
func (r *wireReader) column(f *schema.Field, fd *schemapb.FieldData) (*Column, error) {
	if err := r.checkValid(f, fd); err != nil {
		return nil, err
	}
	col := New(f)
	n, err := r.values(f, fd, col)
	if err != nil {
		return nil, err
	}
	valid := fd.GetValidData()
	if f.Dynamic && len(valid) == r.rows {
		valid = nil // always present, whatever a client says
	}
	present := r.rows
	if len(valid) > 0 {
		present = count(valid)
	}
	if n != present {
		if f.Nullable || f.Default != nil {
			if !f.IsVector() {
				return nil, merr.InvalidParameter(present, n, "the length of field is wrong")
			}
		}
		return nil, merr.InvalidParameter(r.rows, n, "the num_rows (%d) of field (%s) is not equal to passed num_rows (%d)", n, f.Name, r.rows)
	}
	if present == r.rows {
		return col, nil
	}
	return r.spread(f, col, valid)
}

// absent makes the column that a request left out.
func (r *wireReader) absent(f *schema.Field) (*Column, error) {
	if f.Dynamic {
		return r.repeat(f, &Column{Type: schema.JSON, Bytes: BytesOf("{}")})
	}
	return r.spread(f, New(f), make([]bool, r.rows))
}

// spread puts the compact values of col to the rows that are valid, and the
// default or null to the others.
func (r *wireReader) spread(f *schema.Field, col *Column, valid []bool) (*Column, error) {
	fill, null := defaultColumn(f), f.Default == nil
	if err := r.spend(f, fill, len(valid)-count(valid)); err != nil {
		return nil, err
	}
	out := New(f)
	if null {
		out.Valid = NewBitset(len(valid))
	}
	next := 0
	for i, ok := range valid {
		switch {
		case ok:
			out.appendValue(col, next)
			next++
			if null {
				out.Valid.Set(i)
			}
		case null:
			out.appendZero()
		default:
			out.appendValue(fill, 0)
		}
	}
	return out, nil
}

// repeat makes a column of one value.
func (r *wireReader) repeat(f *schema.Field, value *Column) (*Column, error) {
	if err := r.spend(f, value, r.rows); err != nil {
		return nil, err
	}
	out := New(f)
	for range r.rows {
		out.appendValue(value, 0)
	}
	return out, nil
}

// spend accounts for n values that are made up.
func (r *wireReader) spend(f *schema.Field, value *Column, n int) error {
	each := int64(16)
	if f.IsVector() {
		each = int64(f.Dim) * 4
	} else if value != nil {
		each += value.Size()
	}
	r.budget -= each * int64(n)
	if r.budget < 0 {
		return merr.ParameterTooLarge.With(merr.KV{Key: "message", Value: fmt.Sprintf(
			"nulls and defaults of field %s make the request of %d rows too large, send fewer rows at a time", f.Name, r.rows)})
	}
	return nil
}

// defaultColumn returns a column of one row, the field's default; nil if it has none.
func defaultColumn(f *schema.Field) *Column {
	if f.Default == nil {
		return nil
	}
	c := &Column{Type: f.Type}
	switch f.Type {
	case schema.Bool:
		c.Bools = []bool{f.Default.GetBoolData()}
	case schema.Int8, schema.Int16, schema.Int32:
		c.Int32s = []int32{f.Default.GetIntData()}
	case schema.Int64:
		c.Int64s = []int64{f.Default.GetLongData()}
	case schema.Float:
		c.Floats = []float32{f.Default.GetFloatData()}
	case schema.Double:
		c.Doubles = []float64{f.Default.GetDoubleData()}
	case schema.VarChar:
		c.Bytes = BytesOf(f.Default.GetStringData())
	default:
		return nil
	}
	return c
}

// BytesOf packs strings.
func BytesOf(strings ...string) Bytes {
	size := 0
	for _, s := range strings {
		size += len(s)
	}
	b := Bytes{Offsets: make([]uint32, 1, len(strings)+1), Data: make([]byte, 0, size)}
	for _, s := range strings {
		b.AppendString(s)
	}
	return b
}

func packBytes(values [][]byte) Bytes {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	b := Bytes{Offsets: make([]uint32, 1, len(values)+1), Data: make([]byte, 0, size)}
	for _, v := range values {
		b.Append(v)
	}
	return b
}

func count(valid []bool) int {
	n := 0
	for _, v := range valid {
		if v {
			n++
		}
	}
	return n
}

// checkDynamic checks that every value is an object without the keys that the
// schema has taken.
func checkDynamic(c *schema.Collection, col *Column) error {
	for i := range col.Len() {
		raw := col.Bytes.At(i)
		if string(raw) == "{}" {
			continue
		}
		if !json.Valid(raw) || !utf8.Valid(raw) || raw[skipSpace(raw, 0)] != '{' {
			return merr.ParameterInvalid.Msg("invalid dynamic field data, only json map is supported: %s", clip(raw))
		}
		for key := range members(raw) {
			if key == schema.DynamicName {
				return merr.ParameterInvalid.Msg("cannot set json key to: %s", schema.DynamicName)
			}
			if c.Field(key) != nil {
				return merr.ParameterInvalid.Msg("dynamic field name cannot include the static field name: %s", key)
			}
		}
	}
	return nil
}

// checkJSON checks one JSON text. Numbers that are no JSON (NaN, Infinity) are
// refused with all else that does not parse; so is what nests too deep.
func (r *wireReader) checkJSON(f *schema.Field, raw []byte) error {
	if len(raw) > r.jsonLength {
		if f.Dynamic {
			return merr.InvalidParameter("valid length dynamic field", "length exceeds max length",
				"the length (%d) of dynamic field exceeds max length (%d)", len(raw), r.jsonLength)
		}
		return merr.InvalidParameter("valid length json string", "length exceeds max length",
			"the length (%d) of json field (%s) exceeds max length (%d)", len(raw), f.Name, r.jsonLength)
	}
	if f.Dynamic {
		return nil // checkDynamic parses it
	}
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return merr.ParameterInvalid.Msg("json field '%s' has a value that is not valid JSON: %s", f.Name, clip(raw))
	}
	return nil
}

// clip shortens a value for a message.
func clip(raw []byte) string {
	const most = 64
	if len(raw) > most {
		return fmt.Sprintf("%q...", bytes.ToValidUTF8(raw[:most], []byte("?")))
	}
	return fmt.Sprintf("%q", bytes.ToValidUTF8(raw, []byte("?")))
}
