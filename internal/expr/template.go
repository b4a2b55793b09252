package expr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
)

// template returns the value of {name}.
func (c *checker) template(name string) (operand, error) {
	t, ok := c.templates[name]
	if !ok {
		return operand{}, fmt.Errorf("the value of expression template variable name {%s} is not found", name)
	}
	v, err := templateValue(t)
	if err != nil {
		return operand{}, fmt.Errorf("the value of expression template variable {%s}: %w", name, err)
	}
	o := constantOf(v)
	o.template = true
	return o, nil
}

func templateValue(t *schemapb.TemplateValue) (Value, error) {
	switch v := t.GetVal().(type) {
	case *schemapb.TemplateValue_BoolVal:
		return BoolValue(v.BoolVal), nil
	case *schemapb.TemplateValue_Int64Val:
		return IntValue(v.Int64Val), nil
	case *schemapb.TemplateValue_FloatVal:
		return finite(v.FloatVal)
	case *schemapb.TemplateValue_StringVal:
		return StringValue(v.StringVal), nil
	case *schemapb.TemplateValue_ArrayVal:
		l, err := templateList(v.ArrayVal, 0)
		return ListValue(l), err
	}
	return Value{}, fmt.Errorf("unknown type %T", t.GetVal())
}

func finite(f float64) (Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}, fmt.Errorf("value '%v' is not a number or infinity", f)
	}
	return FloatValue(f), nil
}

// templateList returns a list of values, which may be lists, level deep so far.
func templateList(a *schemapb.TemplateArrayValue, level int) (*List, error) {
	if level > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	l := &List{}
	switch d := a.GetData().(type) {
	case *schemapb.TemplateArrayValue_BoolData:
		for _, v := range d.BoolData.GetData() {
			l.add(BoolValue(v))
		}
	case *schemapb.TemplateArrayValue_LongData:
		for _, v := range d.LongData.GetData() {
			l.add(IntValue(v))
		}
	case *schemapb.TemplateArrayValue_DoubleData:
		for _, f := range d.DoubleData.GetData() {
			v, err := finite(f)
			if err != nil {
				return nil, err
			}
			l.add(v)
		}
	case *schemapb.TemplateArrayValue_StringData:
		for _, v := range d.StringData.GetData() {
			l.add(StringValue(v))
		}
	case *schemapb.TemplateArrayValue_ArrayData:
		for _, e := range d.ArrayData.GetData() {
			inner, err := templateList(e, level+1)
			if err != nil {
				return nil, err
			}
			l.add(ListValue(inner))
		}
	case *schemapb.TemplateArrayValue_JsonData:
		for _, raw := range d.JsonData.GetData() {
			v, err := jsonConstant(raw)
			if err != nil {
				return nil, err
			}
			l.add(v)
		}
	case nil: // how clients send an empty list
	default:
		return nil, fmt.Errorf("unknown type of list %T", d)
	}
	return l, nil
}

// jsonConstant returns the constant that a JSON text is. The decoder bounds
// its nesting.
func jsonConstant(raw []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return Value{}, fmt.Errorf("not JSON: %w", err)
	}
	return decodedConstant(v)
}

func decodedConstant(v any) (Value, error) {
	switch v := v.(type) {
	case bool:
		return BoolValue(v), nil
	case string:
		return StringValue(v), nil
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return IntValue(i), nil
		}
		f, err := v.Float64()
		if err != nil {
			return Value{}, fmt.Errorf("%s is a number, but out of range", v)
		}
		return FloatValue(f), nil
	case []any:
		l := &List{}
		for _, e := range v {
			c, err := decodedConstant(e)
			if err != nil {
				return Value{}, err
			}
			l.add(c)
		}
		return ListValue(l), nil
	}
	return Value{}, fmt.Errorf("%v is of unknown type %T", v, v)
}
