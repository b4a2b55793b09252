package binlog

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/porttest/storetest"
	"github.com/redkite-db/redkite/internal/schema"
)

// dump is the form of the examples: an offset, then 16 bytes in groups of 4;
// lines of zeros are left out.
func dump(b []byte) string {
	var out strings.Builder
	skipped := false
	for at := 0; at < len(b); at += 16 {
		line := b[at:min(at+16, len(b))]
		if len(line) == 16 && strings.Trim(string(line), "\x00") == "" && at > 0 {
			if !skipped {
				out.WriteString("*\n")
			}
			skipped = true
			continue
		}
		skipped = false
		fmt.Fprintf(&out, "%04x ", at)
		for i := 0; i < len(line); i += 4 {
			out.WriteString(" " + hex.EncodeToString(line[i:min(i+4, len(line))]))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// undump is the reverse of dump.
func undump(t *testing.T, text string) []byte {
	var b []byte
	for line := range strings.Lines(text) {
		if line == "*\n" {
			continue
		}
		var at int
		_, err := fmt.Sscanf(line, "%x", &at)
		require.NoError(t, err)
		b = append(b, make([]byte, at-len(b))...)
		raw, err := hex.DecodeString(strings.Join(strings.Fields(line)[1:], ""))
		require.NoError(t, err)
		b = append(b, raw...)
	}
	return b
}

// examples returns the hex blocks of docs/formats/object.md by name.
func examples(t *testing.T) map[string]string {
	text, err := os.ReadFile("../../docs/formats/object.md")
	require.NoError(t, err)
	out := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```hex (\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = m[2]
	}
	return out
}

func TestExamples(t *testing.T) {
	store := &storetest.Memory{}
	text := &column.Column{Type: schema.VarChar, Bytes: column.BytesOf("a")}
	text.AppendNull()
	text.AppendRange(&column.Column{Type: schema.VarChar, Bytes: column.BytesOf("bcd")}, 0, 1)
	vectors := &column.Column{Type: schema.FloatVector, Dim: 2, Floats: []float32{0, 1, 2, 3, 4, 5}}
	_, err := WriteColumns(t.Context(), store, "columns", SourceOf(100, text), SourceOf(101, vectors))
	require.NoError(t, err)
	ints := func(v ...int64) Source { return SourceOf(0, &column.Column{Type: schema.Int64, Int64s: v}) }
	_, err = WriteDelta(t.Context(), store, "delta", DeltaHeader{Shard: base.Shard{Collection: 7}, PrimaryKey: 100, From: 5, To: 20},
		ints(1, 2, 3), ints(9, 9, 20), ints(0, 0, 4))
	require.NoError(t, err)
	b := NewStatsBuilder(3)
	keys := &column.Column{Type: schema.Int64, Int64s: []int64{1, 2, 3}}
	b.AddKeys(keys)
	b.Add(100, keys)
	stats, err := b.Write(t.Context(), store, "stats")
	require.NoError(t, err)

	docs := examples(t)
	for _, name := range []string{"columns", "delta", "stats"} {
		m, err := store.Pin(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, dump(m.Bytes()), docs[name], "%s, as docs/formats/object.md has it; the bytes are\n%s", name, dump(m.Bytes()))
		require.True(t, store.Replace(name, undump(t, docs[name])))
	}
	c, err := OpenColumns(t.Context(), store, "columns")
	require.NoError(t, err)
	require.NoError(t, c.Verify())
	require.Equal(t, "bcd", string(c.Column(100).Bytes.At(2)))
	require.True(t, c.Column(100).IsNull(1))
	require.Equal(t, vectors.Floats, c.Column(101).Floats)
	d, err := OpenDelta(t.Context(), store, "delta")
	require.NoError(t, err)
	require.Equal(t, []base.Timestamp{9, 9, 20}, d.Times)
	s, m, err := OpenStats(t.Context(), store, stats)
	require.NoError(t, err)
	require.True(t, s.MayContain(keys, 2))
	require.EqualValues(t, 3, s.Bounds[100].Range.Int64s[1])
	require.NoError(t, m.Unpin())
}
