package schema

import (
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/merr"
)

// checkDefaults checks nullability and default values.
func (l Limits) checkDefaults(p *schemapb.CollectionSchema, r Request) error {
	for _, f := range p.GetFields() {
		if f.GetIsPrimaryKey() && f.GetNullable() {
			return merr.ParameterInvalid.Msg("primary field not support null, type:%s, name:%s", f.GetDataType(), f.GetName())
		}
		if f.GetDefaultValue() == nil {
			continue
		}
		if f.GetIsPrimaryKey() {
			return merr.ParameterInvalid.Msg("primary field not support default_value, type:%s, name:%s", f.GetDataType(), f.GetName())
		}
		if err := l.checkDefault(r.Name, f); err != nil {
			return err
		}
	}
	return nil
}

func (l Limits) checkDefault(collection string, f *schemapb.FieldSchema) error {
	t, v := f.GetDataType(), f.GetDefaultValue()
	if t == Array || t == JSON || isVectorType(t) {
		return merr.ParameterInvalid.Msg("type not support default_value, type:%s, name:%s", t, f.GetName())
	}
	ok := false
	switch v.GetData().(type) {
	case *schemapb.ValueField_BoolData:
		ok = t == Bool
	case *schemapb.ValueField_IntData:
		ok = t == Int8 || t == Int16 || t == Int32
	case *schemapb.ValueField_LongData:
		ok = t == Int64
	case *schemapb.ValueField_FloatData:
		ok = t == Float
	case *schemapb.ValueField_DoubleData:
		ok = t == Double
	case *schemapb.ValueField_StringData:
		ok = t == VarChar
	}
	if !ok {
		return merr.ParameterInvalid.Msg("type (%s) of field (%s) is not equal to the type(%s) of default_value", t, f.GetName(), kindOf(v))
	}
	switch t {
	case Int8:
		return inRange(v.GetIntData(), math.MinInt8, math.MaxInt8)
	case Int16:
		return inRange(v.GetIntData(), math.MinInt16, math.MaxInt16)
	case Float:
		return finite(f.GetName(), float64(v.GetFloatData()))
	case Double:
		return finite(f.GetName(), v.GetDoubleData())
	case VarChar:
		limit, err := l.maxLength(collection, f)
		if err != nil {
			return err
		}
		if n := len(v.GetStringData()); n > limit {
			return merr.InvalidParameter("valid length string", "string length exceeds max length",
				"the length (%d) of string exceeds max length (%d)", n, limit)
		}
	}
	return nil
}

func inRange(v int32, lo, hi int) error {
	if int(v) < lo || int(v) > hi {
		return merr.OutOfRange(lo, hi, v, "default value out of range")
	}
	return nil
}

func finite(name string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return merr.ParameterInvalid.Msg("default value of field %s: value '%v' is not a number or infinity", name, v)
	}
	return nil
}
