//go:build e2e

package crash_test

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"sync"
)

// absent is the version of a key without a row; real versions begin at 1.
const absent = 0

const dim = 8

// model is what a collection may hold: for each key the versions that are
// possible. An acknowledged write leaves one; a write without an answer leaves
// the old and the new, until a restart shows which.
type model struct {
	mu struct {
		sync.Mutex
		possible map[int64][]int64
		acked    int
	}
}

func newModel() *model {
	m := &model{}
	m.mu.possible = map[int64][]int64{}
	return m
}

// begin widens what is possible before a write is sent.
func (m *model) begin(keys []int64, version int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		was, ok := m.mu.possible[k]
		if !ok {
			was = []int64{absent}
		}
		m.mu.possible[k] = append(slices.Clip(was), version)
	}
}

// acked narrows it to the one that the server confirmed.
func (m *model) acked(keys []int64, version int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		m.mu.possible[k] = []int64{version}
	}
	m.mu.acked += len(keys)
}

// check compares the rows found after a restart (key to version) with what is
// possible, and narrows the model to them.
func (m *model) check(found map[int64]int64) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var wrong []string
	for k, possible := range m.mu.possible {
		version := found[k]
		if !slices.Contains(possible, version) {
			wrong = append(wrong, fmt.Sprintf("key %d is at version %d, possible are %v", k, version, possible))
		}
		m.mu.possible[k] = []int64{version}
	}
	for k := range found {
		if _, ok := m.mu.possible[k]; !ok {
			wrong = append(wrong, fmt.Sprintf("key %d was never written", k))
		}
	}
	return wrong
}

// pick returns up to n keys in [from, to) that certainly have a row, and the
// highest version among them.
func (m *model) pick(rng *rand.Rand, from, to int64, n int) ([]int64, int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []int64
	var highest int64
	for range 4 * n {
		if to <= from || len(keys) == n {
			break
		}
		k := from + rng.Int64N(to-from)
		v := m.mu.possible[k]
		if len(v) == 1 && v[0] != absent && !slices.Contains(keys, k) {
			keys = append(keys, k)
			highest = max(highest, v[0])
		}
	}
	return keys, highest
}

func (m *model) size() (rows, acked int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.mu.possible {
		if len(v) == 1 && v[0] != absent {
			rows++
		}
	}
	return rows, m.mu.acked
}

// check value and vector follow from key and version, so that a row made of two
// writes is seen.
func checkOf(key, version int64) string {
	return fmt.Sprintf("%d/%d/%08x", key, version, crc32.ChecksumIEEE(fmt.Append(nil, key, version)))
}

func vectorOf(key, version int64) []float32 {
	rng := rand.New(rand.NewPCG(uint64(key), uint64(version)))
	v := make([]float32, dim)
	for i := range v {
		v[i] = rng.Float32()
	}
	return v
}
