package meta

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
)

// What decodes is encoded to the same record again; nothing panics.

func FuzzSegment(f *testing.F) {
	f.Add(appendSegment(nil, &Segment{
		ID: 1, Shard: base.Shard{Collection: 2, Index: 3}, Manifest: "m", Start: base.Position{Generation: 1, Offset: "o"}, Dropped: true,
		MaxTime: base.MaxTimestamp, Indexes: []IndexFile{{Index: 1, Build: 2, Key: "k", Bytes: 3}},
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSegment(b)
		if err != nil {
			return
		}
		again, err := decodeSegment(appendSegment(nil, s))
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

func FuzzDelta(f *testing.F) {
	f.Add(appendDelta(nil, &Delta{ID: 1, Shard: base.Shard{Collection: 2, Index: 3}, Key: "k", Rows: 4, To: base.MaxTimestamp}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDelta(b)
		if err != nil {
			return
		}
		again, err := decodeDelta(appendDelta(nil, d))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func FuzzOps(f *testing.F) {
	f.Add(appendOps(nil, []Op{{Key: "a", Value: []byte("b")}, {Key: "c"}, {Key: "d", Value: []byte{}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		ops, err := decodeOps(b)
		if err != nil {
			return
		}
		again, err := decodeOps(appendOps(nil, ops))
		require.NoError(t, err)
		require.Equal(t, ops, again)
	})
}

// FuzzRecords feeds a sealed payload to every kind of record.
func FuzzRecords(f *testing.F) {
	prefixes := []string{
		databasePrefix, collectionPrefix, partitionPrefix, aliasPrefix, indexPrefix, loadPrefix, segmentPrefix, deltaPrefix,
		checkpointPrefix, termPrefix, taskPrefix, intentPrefix, garbagePrefix, windowPrefix, "unknown/",
	}
	f.Add(0, []byte(`{"id":1,"name":"x"}`))
	f.Add(1, []byte(`{"id":1,"fields":[{"id":100,"default":"AAAA"}],"parts":[{"id":3}]}`))
	f.Fuzz(func(_ *testing.T, kind int, payload []byte) {
		key := prefixes[uint(kind)%uint(len(prefixes))] + "1"
		s := &State{Terms: map[base.Channel]int64{}}
		_ = s.add(key, seal(key, payload))
		_ = s.add(key, payload)
	})
}

// The example of docs/formats/catalog.md decodes to what it says.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("../docs/formats/catalog.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)under `seg/10/14`:\n\n```\n([0-9a-f \n]+)```").FindSubmatch(page)
	require.NotNil(t, m)
	value, err := hex.DecodeString(strings.Join(strings.Fields(string(m[1])), ""))
	require.NoError(t, err)
	payload, err := unseal("seg/10/14", value)
	require.NoError(t, err)
	s, err := decodeSegment(payload)
	require.NoError(t, err)
	require.Equal(t, &Segment{
		ID: 14, Shard: base.Shard{Collection: 10, Index: 1}, Partition: 11, Rows: 5000, Bytes: 65536, Task: 15, Manifest: "m",
		Start: base.Position{Generation: 1, Offset: "a"}, End: base.Position{Generation: 1, Offset: "b"},
		MinTime: 100, MaxTime: 300, DeletesApplied: 299, Level: 1,
		Indexes: []IndexFile{{Index: 13, Build: 16, Key: "i", Bytes: 17}},
	}, s)
}
