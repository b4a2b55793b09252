package proxy

import (
	"encoding/binary"
	"math"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"google.golang.org/protobuf/proto"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/schema"
)

// queryVectors decodes a placeholder group: the query vectors of one field, one
// after another, and how many there are. Each value is the vector's elements
// as little-endian float32.
func queryVectors(raw []byte, f *schema.Field) ([]float32, int, error) {
	g := &commonpb.PlaceholderGroup{}
	if err := proto.Unmarshal(raw, g); err != nil {
		return nil, 0, merr.ParameterInvalid.Msg("the placeholder group cannot be read: %v", err)
	}
	if len(g.GetPlaceholders()) != 1 {
		return nil, 0, merr.ParameterInvalid.Msg("the placeholder group has %d placeholders, it must have 1", len(g.GetPlaceholders()))
	}
	p := g.GetPlaceholders()[0]
	if p.GetType() != commonpb.PlaceholderType_FloatVector {
		return nil, 0, merr.ParameterInvalid.Msg("vector type must be the same, field %s - type %s, search ph type %s", f.Name, f.Type, p.GetType())
	}
	if len(p.GetValues()) == 0 {
		return nil, 0, merr.ParameterInvalid.Msg("the placeholder group has no vectors: must have queries")
	}
	out := make([]float32, 0, len(p.GetValues())*f.Dim)
	for _, v := range p.GetValues() {
		if len(v) != 4*f.Dim {
			return nil, 0, merr.ParameterInvalid.Msg("vector dimension mismatch, expected vector size(byte) %d, actual %d.", 4*f.Dim, len(v))
		}
		for i := 0; i < len(v); i += 4 {
			x := math.Float32frombits(binary.LittleEndian.Uint32(v[i:]))
			if x-x != 0 {
				return nil, 0, merr.ParameterInvalid.Msg("value '%f' is not a number or infinity, in a vector to search", x)
			}
			out = append(out, x)
		}
	}
	return out, len(p.GetValues()), nil
}
