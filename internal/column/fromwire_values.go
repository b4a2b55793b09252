package column

import (
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// values fills col with the values that were sent, compact, and returns how
// many there are.
func (r *wireReader) values(f *schema.Field, fd *schemapb.FieldData, col *Column) (int, error) {
	if f.IsVector() {
		return r.floatVectors(f, fd, col)
	}
	if fd.GetVectors() != nil || fd.GetStructArrays() != nil {
		return 0, mismatch(f)
	}
	s := fd.GetScalars()
	if f.Type == schema.Array {
		return r.arrays(f, s, col)
	}
	n, ok := scalars(f.Type, s, col)
	if !ok && (s.GetData() != nil || !f.Nullable && f.Default == nil) {
		return 0, mismatch(f)
	}
	if n == 0 && !f.Nullable && f.Default == nil {
		return 0, mismatch(f)
	}
	return n, r.checkScalars(f, col)
}

// scalars moves the values of a field, or of one array, to col; it reports
// whether the data is of type t.
func scalars(t schema.Type, s *schemapb.ScalarField, col *Column) (int, bool) {
	switch t {
	case schema.Bool:
		d, ok := s.GetData().(*schemapb.ScalarField_BoolData)
		if ok {
			col.Bools = d.BoolData.GetData()
		}
		return len(col.Bools), ok
	case schema.Int8, schema.Int16, schema.Int32:
		d, ok := s.GetData().(*schemapb.ScalarField_IntData)
		if ok {
			col.Int32s = d.IntData.GetData()
		}
		return len(col.Int32s), ok
	case schema.Int64:
		d, ok := s.GetData().(*schemapb.ScalarField_LongData)
		if ok {
			col.Int64s = d.LongData.GetData()
		}
		return len(col.Int64s), ok
	case schema.Float:
		d, ok := s.GetData().(*schemapb.ScalarField_FloatData)
		if ok {
			col.Floats = d.FloatData.GetData()
		}
		return len(col.Floats), ok
	case schema.Double:
		d, ok := s.GetData().(*schemapb.ScalarField_DoubleData)
		if ok {
			col.Doubles = d.DoubleData.GetData()
		}
		return len(col.Doubles), ok
	case schema.VarChar:
		d, ok := s.GetData().(*schemapb.ScalarField_StringData)
		if ok {
			col.Bytes = BytesOf(d.StringData.GetData()...)
		}
		return col.Bytes.Len(), ok
	case schema.JSON:
		d, ok := s.GetData().(*schemapb.ScalarField_JsonData)
		if ok {
			col.Bytes = packBytes(d.JsonData.GetData())
		}
		return col.Bytes.Len(), ok
	}
	return 0, false
}

// checkScalars checks the values of a field against its limits.
func (r *wireReader) checkScalars(f *schema.Field, col *Column) error {
	switch f.Type {
	case schema.Int8:
		return inRange(col.Int32s, math.MinInt8, math.MaxInt8)
	case schema.Int16:
		return inRange(col.Int32s, math.MinInt16, math.MaxInt16)
	case schema.Float:
		return finite32(col.Floats)
	case schema.Double:
		return finite64(col.Doubles)
	case schema.VarChar:
		if f.AutoID {
			return nil
		}
		for i := range col.Bytes.Len() {
			if n := len(col.Bytes.At(i)); n > f.MaxLength {
				return merr.ParameterInvalid.Msg("length of varchar field %s exceeds max length, row number: %d, length: %d, max length: %d", f.Name, i, n, f.MaxLength)
			}
		}
	case schema.JSON:
		for i := range col.Bytes.Len() {
			if err := r.checkJSON(f, col.Bytes.At(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrays packs one array a row.
func (r *wireReader) arrays(f *schema.Field, s *schemapb.ScalarField, col *Column) (int, error) {
	d, ok := s.GetData().(*schemapb.ScalarField_ArrayData)
	if !ok || d.ArrayData == nil {
		if s.GetData() == nil && f.Nullable {
			return 0, nil
		}
		return 0, merr.InvalidParameter("need "+f.Element.String()+" array", "got nil", "array field '%s' is illegal, array type mismatch", f.Name)
	}
	for row, a := range d.ArrayData.GetData() {
		item := &Column{Type: f.Element}
		n, ok := scalars(f.Element, a, item)
		if !ok {
			return 0, merr.InvalidParameter(f.Element.String()+" array", "array of another type", "insert data does not match")
		}
		if n > f.MaxCapacity {
			return 0, merr.InvalidParameter("valid length array", "array length exceeds max capacity",
				"the length (%d) of %dth array exceeds max capacity (%d)", n, row, f.MaxCapacity)
		}
		if err := checkItems(f, item, row); err != nil {
			return 0, err
		}
		col.Items.AppendRange(item, 0, n)
		col.Offsets = append(col.Offsets, uint32(col.Items.Len()))
	}
	return col.Len(), nil
}

func checkItems(f *schema.Field, item *Column, row int) error {
	switch f.Element {
	case schema.Int8:
		return inRange(item.Int32s, math.MinInt8, math.MaxInt8)
	case schema.Int16:
		return inRange(item.Int32s, math.MinInt16, math.MaxInt16)
	case schema.Float:
		return finite32(item.Floats)
	case schema.Double:
		return finite64(item.Doubles)
	case schema.VarChar:
		for i := range item.Bytes.Len() {
			if n := len(item.Bytes.At(i)); n > f.MaxLength {
				return merr.ParameterInvalid.Msg("length of Array array field %q exceeds max length, row number: %d, array index: %d, length: %d, max length: %d", f.Name, row, i, n, f.MaxLength)
			}
		}
	}
	return nil
}

// floatVectors takes the vectors without copying them.
func (r *wireReader) floatVectors(f *schema.Field, fd *schemapb.FieldData, col *Column) (int, error) {
	v := fd.GetVectors()
	if d, ok := v.GetData().(*schemapb.VectorField_FloatVector); ok && d.FloatVector != nil {
		col.Floats = d.FloatVector.GetData()
	} else if fd.GetField() != nil && (v == nil || v.GetData() != nil) || !f.Nullable {
		return 0, merr.InvalidParameter("need float vector", "got nil", "float vector field '%s' is illegal, array type mismatch", f.Name)
	}
	if len(col.Floats) == 0 {
		return 0, nil
	}
	if len(col.Floats)%f.Dim != 0 {
		return 0, merr.ParameterInvalid.Msg("the length(%d) of float data should divide the dim(%d)", len(col.Floats), f.Dim)
	}
	if v.GetDim() != int64(f.Dim) {
		return 0, merr.InvalidParameter(f.Dim, v.GetDim(), "the dim (%d) of field data(%s) is not equal to schema dim (%d)", v.GetDim(), f.Name, f.Dim)
	}
	return len(col.Floats) / f.Dim, finite32(col.Floats)
}

// mismatch says that a column's data is not of its field's type.
func mismatch(f *schema.Field) error {
	need, prefix := "", ""
	switch f.Type {
	case schema.VarChar:
		need, prefix = "need string array", "varchar "
	case schema.JSON:
		need, prefix = "need json array", "json "
	case schema.Bool:
		need = "need bool array"
	case schema.Int64:
		need = "need long int array"
	case schema.Float:
		need = "need float32 array"
	case schema.Double:
		need = "need float64(double) array"
	default:
		need = "need int array"
	}
	return merr.InvalidParameter(need, "got nil", "%sfield '%s' is illegal, array type mismatch", prefix, f.Name)
}

func inRange(values []int32, lo, hi int32) error {
	for i, v := range values {
		if v < lo || v > hi {
			return merr.InvalidParameter("integer doesn't overflow", "out of range", "the %dth element (%d) out of range: [%d, %d]", i, v, lo, hi)
		}
	}
	return nil
}

// finite32 reports a value that is no number: its exponent is all ones.
func finite32(values []float32) error {
	const exponent = 0x7f800000
	for _, v := range values {
		if math.Float32bits(v)&exponent == exponent {
			return notFinite(float64(v))
		}
	}
	return nil
}

func finite64(values []float64) error {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return notFinite(v)
		}
	}
	return nil
}

func notFinite(v float64) error {
	return merr.ParameterInvalid.Msg("value '%f' is not a number or infinity", v)
}
