package mem

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestResidencyOrder has a process of which other memory, columns and indexes
// are resident.
func TestResidencyOrder(t *testing.T) {
	r := NewResidency(1000)
	other := int64(100)
	here := map[string]int64{}
	add := func(list *[]*pages, name string) {
		*list = append(*list, &pages{data: []byte(name)})
		r.mapped.Add(200)
	}
	sum := func() int64 {
		n := other
		for _, b := range here {
			n += b
		}
		return n
	}
	forgotten := []string{}
	r.resident = sum
	r.forget = func(b []byte) {
		here[string(b)] = 0
		forgotten = append(forgotten, string(b))
	}
	for _, name := range []string{"c1", "c2", "c3"} {
		add(&r.pages, name)
	}
	add(&r.longer, "i1")
	step := func(want ...string) {
		t.Helper()
		forgotten = []string{}
		r.Check()
		require.Equal(t, append([]string{}, want...), forgotten)
	}
	here["c1"], here["c2"], here["c3"], here["i1"] = 200, 200, 100, 150
	step() // 750 are not more than three quarters
	here["i1"] = 160
	step("c1", "c2") // until half is reached
	here["c1"], here["c2"], here["c3"] = 200, 200, 200
	step("c3", "c1") // the turn goes on
	here = map[string]int64{"c1": 100, "i1": 600}
	step("c2", "c3", "c1", "i1") // an index last
	other = 800
	step("c2", "c3", "c1", "i1")
	here["c1"] = 125
	step() // in vain: not again until an eighth has been added
	here["c1"] = 126
	step("c2", "c3", "c1", "i1")
	other = 300
	step()
	here["c1"] = 500
	step("c2", "c3", "c1") // back at three quarters
}

func BenchmarkResident(b *testing.B) {
	b.ReportAllocs()
	resident := residentMeter()
	for b.Loop() {
		resident()
	}
}

// TestResidencyOfFiles reads files of which the half is too much, in any order.
func TestResidencyOfFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what is resident is known on Linux only")
	}
	const files, size = 16, 4 << 20
	dir := t.TempDir()
	for i := range files {
		data := make([]byte, size)
		for at := range data {
			data[at] = byte(i)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), data, 0o600))
	}
	resident := residentMeter()
	runtime.GC()
	before := resident()
	require.Positive(t, before)
	r := NewResidency(4 * files * size) // far above: nothing is let go
	r.high, r.low, r.step = before+files*size/2, before+files*size/4, files*size/16
	r.next.Store(r.high)
	maps := make([]*Map, files)
	for i := range maps {
		m, err := r.Open(filepath.Join(dir, strconv.Itoa(i)), i%4 == 0)
		require.NoError(t, err)
		maps[i] = m
	}
	rng := rand.New(rand.NewPCG(1, 2))
	peak := int64(0)
	for range 20 * files {
		r.Check()
		i := rng.IntN(files)
		for at := 0; at < size; at += 4096 {
			require.Equal(t, byte(i), maps[i].Bytes()[at])
		}
		peak = max(peak, resident())
	}
	require.LessOrEqual(t, peak, before+files*size/2+2*size, "resident before: %d", before)
	for _, m := range maps {
		require.NoError(t, m.Unpin())
	}
	require.Zero(t, r.mapped.Load())
	require.Empty(t, r.pages)
	require.Empty(t, r.longer)
}
