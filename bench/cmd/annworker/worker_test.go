package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	testRows, testQueries, testDim = 1000, 20, 8
	testK                          = 10
)

// writeRows writes n normal vectors and returns them.
func writeRows(t *testing.T, path string, n int, seed uint64) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	var b []byte
	rows := make([]float32, n*testDim)
	for i := range rows {
		rows[i] = float32(rng.NormFloat64())
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(rows[i]))
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return rows
}

// exchange serves the requests, one a line, and returns the replies.
func exchange(t *testing.T, engine string, requests ...map[string]any) []reply {
	t.Helper()
	var in, out bytes.Buffer
	for _, r := range requests {
		require.NoError(t, json.NewEncoder(&in).Encode(r))
	}
	e, err := newEngine(engine)
	require.NoError(t, err)
	w := &worker{engine: e, name: engine}
	require.NoError(t, w.serve(context.Background(), &in, &out))
	require.NoError(t, w.close())
	dec := json.NewDecoder(&out)
	replies := make([]reply, 0, len(requests))
	for dec.More() {
		var r reply
		require.NoError(t, dec.Decode(&r))
		replies = append(replies, r)
	}
	require.Len(t, replies, len(requests))
	return replies
}

// nearest are the rows of the k largest similarities, found in the plainest way.
func nearest(metric string, rows, q []float32) map[int32]bool {
	best := map[int32]bool{}
	for len(best) < testK {
		at, top := int32(-1), math.Inf(-1)
		for r := range int32(len(rows) / testDim) {
			var ip, l2, norm float64
			for i, x := range rows[int(r)*testDim : (int(r)+1)*testDim] {
				ip += float64(x) * float64(q[i])
				l2 += (float64(x) - float64(q[i])) * (float64(x) - float64(q[i]))
				norm += float64(x) * float64(x)
			}
			s := map[string]float64{"L2": -l2, "IP": ip, "COSINE": ip / math.Sqrt(norm)}[metric]
			if s > top && !best[r] {
				at, top = r, s
			}
		}
		best[at] = true
	}
	return best
}

func readIDs(t *testing.T, path string) []int32 {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	ids := make([]int32, len(b)/4)
	for i := range ids {
		ids[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return ids
}

func TestEngines(t *testing.T) {
	dir := t.TempDir()
	base, query := filepath.Join(dir, "base"), filepath.Join(dir, "query")
	rows, queries := writeRows(t, base, testRows, 1), writeRows(t, query, testQueries, 2)
	graph := map[string]any{"M": 16, "efConstruction": 100}
	for _, c := range []struct {
		engine        string
		build, search map[string]any
		recall        float64
	}{
		{"redkite-flat", map[string]any{}, map[string]any{}, 1},
		{"redkite-hnsw", graph, map[string]any{"ef": 200}, 0.98},
		{"redkite-hnsw-sq4u", graph, map[string]any{"ef": 200}, 0.98},
		{"redkite-hnsw-bf16", graph, map[string]any{"ef": 200}, 0.98},
		{"redkite-hnsw-prq", graph, map[string]any{"ef": 200}, 0.9},
		{"coder-hnsw", graph, map[string]any{"ef": 200}, 0.2},
	} {
		for _, metric := range []string{"L2", "IP", "COSINE"} {
			t.Run(c.engine+"/"+metric, func(t *testing.T) {
				answers := filepath.Join(t.TempDir(), "answers")
				got := exchange(t, c.engine,
					map[string]any{"op": "info"},
					map[string]any{"op": "load", "base": base, "query": query, "dim": testDim, "metric": metric},
					map[string]any{"op": "build", "params": c.build, "threads": 2},
					map[string]any{"op": "dump", "search": c.search, "threads": 2, "path": answers},
					map[string]any{"op": "run", "search": c.search, "threads": 2, "seconds": 0.001},
					map[string]any{"op": "run", "search": c.search, "threads": 1, "queries": 7},
					map[string]any{"op": "quit"},
				)
				for i, r := range got {
					require.Empty(t, r.Error, "request %d", i)
				}
				require.NotEmpty(t, got[0].ISA)
				require.Equal(t, testRows, got[1].Rows)
				require.Equal(t, testQueries, got[1].Queries)
				if c.engine != "redkite-flat" {
					require.Positive(t, got[2].BytesPerVector)
				}
				require.Zero(t, got[4].Queries%testQueries)
				require.Equal(t, 7, got[5].Queries)
				require.Positive(t, got[5].WallS)

				ids, hits := readIDs(t, answers), 0
				require.Len(t, ids, testQueries*testK)
				for q := range testQueries {
					want := nearest(metric, rows, queries[q*testDim:(q+1)*testDim])
					for _, id := range ids[q*testK : (q+1)*testK] {
						if want[id] {
							hits++
						}
					}
				}
				require.GreaterOrEqual(t, float64(hits)/(testQueries*testK), c.recall)
			})
		}
	}
}

// TestSelect: from a select request on the queries are those of its groups, and
// only rows in their ranges answer; one without groups ends it.
func TestSelect(t *testing.T) {
	dir := t.TempDir()
	base, query, columns := filepath.Join(dir, "base"), filepath.Join(dir, "query"), filepath.Join(dir, "columns")
	writeRows(t, base, testRows, 1)
	writeRows(t, query, testQueries, 2)
	var b []byte
	for c := range 2 {
		for r := range testRows {
			x := r // column 0: the row
			if c == 1 {
				x = testRows - 1 - r
			}
			b = binary.LittleEndian.AppendUint32(b, uint32(x))
		}
	}
	require.NoError(t, os.WriteFile(columns, b, 0o600))
	group := func(column, low, high int, queries ...int) map[string]any {
		return map[string]any{"column": column, "low": low, "high": high, "queries": queries}
	}
	selects := func(groups ...map[string]any) map[string]any {
		return map[string]any{"op": "select", "columns": columns, "groups": groups}
	}
	for _, engine := range []string{"redkite-flat", "redkite-hnsw"} {
		some, all := filepath.Join(dir, "some"), filepath.Join(dir, "all")
		got := exchange(t, engine,
			map[string]any{"op": "load", "base": base, "query": query, "dim": testDim, "metric": "L2"},
			map[string]any{"op": "build"},
			selects(group(0, 100, 110, 3), group(1, 0, 5, 4, 5)),
			map[string]any{"op": "dump", "path": some},
			selects(),
			map[string]any{"op": "dump", "path": all},
			selects(group(2, 0, 5, 0)),
			selects(group(0, 0, 5, testQueries)),
		)
		require.Equal(t, 3, got[2].Queries)
		require.Equal(t, testQueries, got[4].Queries)
		require.Contains(t, got[6].Error, "no column 2 of 1000 rows")
		require.Contains(t, got[7].Error, "query 20 of 20")
		ids := readIDs(t, some)
		for i, id := range ids {
			switch low, high := 100, 110; {
			case i >= testK && i%testK >= 5:
				require.EqualValues(t, -1, id)
			default:
				if i >= testK {
					low, high = testRows-5, testRows
				}
				require.True(t, int(id) >= low && int(id) < high, "%s: answer %d is row %d", engine, i, id)
			}
		}
		require.Len(t, ids, 3*testK)
		require.Len(t, readIDs(t, all), testQueries*testK)
	}
}

func TestGrow(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	writeRows(t, base, testRows, 1)
	load := map[string]any{"op": "load", "base": base, "query": base, "dim": testDim, "metric": "L2"}
	got := exchange(t, "redkite-hnsw", load,
		map[string]any{"op": "grow", "threads": 2, "step": 300},
		map[string]any{"op": "grow", "params": map[string]any{"M": 8}, "step": 64, "search": map[string]any{"ef": 32}},
		map[string]any{"op": "grow", "params": map[string]any{"M": 1}},
		map[string]any{"op": "grow", "search": map[string]any{"ef": 3}},
	)
	for _, r := range got[1:3] {
		require.Empty(t, r.Error)
		require.Equal(t, testRows, r.Rows)
		require.Positive(t, r.WallS)
	}
	require.Zero(t, got[1].Queries)
	require.Contains(t, got[3].Error, "param 'M' (1) should be in range")
	require.Contains(t, got[4].Error, "ef(3) should be larger than k(10)")
	require.Contains(t, exchange(t, "redkite-flat", load, map[string]any{"op": "grow"})[1].Error, "FLAT does not grow")
	require.Contains(t, exchange(t, "coder-hnsw", load, map[string]any{"op": "grow"})[1].Error, "its index does not grow")
}

// TestFewRows: answers that do not exist are -1, whatever the number asked for.
func TestFewRows(t *testing.T) {
	dir := t.TempDir()
	base, out := filepath.Join(dir, "base"), filepath.Join(dir, "out")
	writeRows(t, base, 3, 1)
	got := exchange(t, "redkite-flat",
		map[string]any{"op": "load", "base": base, "query": base, "dim": testDim, "metric": "L2"},
		map[string]any{"op": "build"},
		map[string]any{"op": "dump", "path": out, "k": 5},
	)
	require.Empty(t, got[2].Error)
	ids := readIDs(t, out)
	require.Len(t, ids, 15)
	for q := range 3 {
		require.EqualValues(t, q, ids[5*q])
		require.Equal(t, []int32{-1, -1}, ids[5*q+3:5*q+5])
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	base, bad := filepath.Join(dir, "base"), filepath.Join(dir, "bad")
	writeRows(t, base, 20, 1)
	require.NoError(t, os.WriteFile(bad, bytes.Repeat([]byte{0xff}, 4*testDim), 0o600))
	load := map[string]any{"op": "load", "base": base, "query": base, "dim": testDim, "metric": "L2"}
	with := func(changes ...any) map[string]any {
		out := map[string]any{}
		for k, v := range load {
			out[k] = v
		}
		for i := 0; i < len(changes); i += 2 {
			out[changes[i].(string)] = changes[i+1]
		}
		return out
	}
	for _, c := range []struct {
		want     string
		requests []map[string]any
	}{
		{"no data was loaded", []map[string]any{{"op": "build"}}},
		{"no index was built", []map[string]any{load, {"op": "run"}}},
		{"data was loaded before", []map[string]any{load, load}},
		{"L1", []map[string]any{with("metric", "L1")}},
		{"dim is 0", []map[string]any{with("dim", 0)}},
		{"640 bytes are not rows of 7 float32", []map[string]any{with("dim", 7)}},
		{"no such file", []map[string]any{with("query", filepath.Join(dir, "none"))}},
		{"row 0 is not finite", []map[string]any{with("base", bad)}},
		{"param 'M' (1) should be in range", []map[string]any{load, {"op": "build", "params": map[string]any{"M": 1}}}},
		{"ef(3) should be larger than k(10)", []map[string]any{load, {"op": "build"}, {"op": "run", "search": map[string]any{"ef": 3}}}},
		{"no such op", []map[string]any{load, {"op": "build"}, {"op": "fly"}}},
	} {
		got := exchange(t, "redkite-hnsw", c.requests...)
		require.Contains(t, got[len(got)-1].Error, c.want)
		for _, r := range got[:len(got)-1] {
			require.Empty(t, r.Error)
		}
	}
	_, err := newEngine("redkite-cagra")
	require.ErrorContains(t, err, `no engine "redkite-cagra", there are coder-hnsw, redkite-flat, redkite-hnsw, redkite-hnsw-sq4u, redkite-hnsw-sq6, redkite-hnsw-sq8, redkite-hnsw-fp16, redkite-hnsw-bf16, redkite-hnsw-pq, redkite-hnsw-prq, redkite-diskann, redkite-annoy, redkite-ivf-flat, redkite-ivf-sq8, redkite-ivf-pq, redkite-ivf-rabitq, redkite-scann, redkite-ivf-rabitq-fastscan`)
	e, err := newEngine("coder-hnsw")
	require.NoError(t, err)
	w := &worker{engine: e, name: "coder-hnsw"}
	require.ErrorContains(t, w.serve(context.Background(), strings.NewReader("{"), &bytes.Buffer{}), "read a request")
}
