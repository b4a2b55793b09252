package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/vec"
)

// TestBurst asks for a burst of each type and measure of every instruction set,
// over memory in which query and rows are the same small numbers.
func TestBurst(t *testing.T) {
	name := filepath.Join(t.TempDir(), "memory")
	memory := make([]byte, rowsAt+1<<20)
	for i := range group {
		binary.LittleEndian.PutUint32(memory[4*i:], uint32(i%3))
	}
	for i := range 4 {
		binary.LittleEndian.PutUint32(memory[queryAt+4*i:], math.Float32bits(1))
	}
	for at := rowsAt; at < len(memory); at += 4 {
		binary.LittleEndian.PutUint32(memory[at:], math.Float32bits(2))
	}
	require.NoError(t, os.WriteFile(name, memory, 0o600))

	var in, out bytes.Buffer
	enc := json.NewEncoder(&in)
	require.NoError(t, enc.Encode(request{Op: "kernels"}))
	n := 0
	ask := func(r request) {
		r.Op, r.Groups, r.Repeats = "burst", 1, 2
		require.NoError(t, enc.Encode(r))
		n++
	}
	for _, k := range vec.All() {
		for _, scattered := range []bool{false, true} {
			ask(request{Kernels: k.String(), Element: "f32", Measure: "L2", Dim: 4, Scattered: scattered})
			ask(request{Kernels: k.String(), Element: "f32", Measure: "IP", Dim: 4, Scattered: scattered})
		}
	}
	for element, measure := range map[string]string{"f16": "L2", "bf16": "IP", "int8": "L2", "bits": "JACCARD"} {
		ask(request{Kernels: "portable", Element: element, Measure: measure, Dim: 16})
	}
	require.NoError(t, enc.Encode(request{Op: "burst", Kernels: "portable", Element: "f64", Measure: "L2", Dim: 4, Groups: 1}))
	require.NoError(t, run(name, &in, &out))

	dec := json.NewDecoder(&out)
	var first reply
	require.NoError(t, dec.Decode(&first))
	require.Equal(t, len(vec.All()), len(first.Kernels))
	for i := range n {
		var a reply
		require.NoError(t, dec.Decode(&a))
		require.Empty(t, a.Error)
		require.Len(t, a.Results, group)
		if i < 4*len(vec.All()) {
			require.Equal(t, []string{"4", "8"}[i%2], a.Results[group-1])
		}
	}
	var bad reply
	require.NoError(t, dec.Decode(&bad))
	require.Contains(t, bad.Error, "f64")
}
