package logtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// seedVariable sets the seed of random tests, to repeat a failure.
const seedVariable = "LOGTEST_SEED"

// Seed returns the seed for a random test and prints it when the test fails.
func Seed(t testing.TB) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv(seedVariable); s != "" {
		v, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err, seedVariable)
		seed = v
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s=%d", seedVariable, seed)
		}
	})
	return seed
}

// model is what a log should hold: a slice.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	b       Backend
	l       mq.Log
	a       mq.Appender
	term    int64
	records []entry // all since the beginning
	cut     int     // records before it are cut
	tag     int
}

// testModel does random operations on the log and on a slice, and compares
// what both hold.
func testModel(t *testing.T, fresh New) {
	m := &model{t: t, rng: rand.New(rand.NewPCG(Seed(t), 0)), b: fresh(t, Limits{})}
	m.l = m.b.Open(t)
	m.open()
	for range 150 {
		switch k := m.rng.IntN(100); {
		case k < 50:
			m.append()
		case k < 65:
			m.truncate()
		case k < 80:
			m.read()
		case k < 88:
			m.open()
		case k < 94:
			require.NoError(t, m.l.Close())
			m.l = m.b.Open(t)
			m.read()
			m.open()
		default:
			m.b.Kill(t, m.l)
			m.l = m.b.Open(t)
			m.open()
			m.read()
		}
	}
	m.readFrom(base.Position{}, m.cut)
	require.NoError(t, m.l.Close())
}

func (m *model) last() base.Position {
	if len(m.records) == 0 {
		return base.Position{}
	}
	return m.records[len(m.records)-1].pos
}

func (m *model) add(pos base.Position, term int64, data string) {
	require.True(m.t, m.last().Before(pos), "%v after %v", pos, m.last())
	m.records = append(m.records, entry{pos, term, data})
}

func (m *model) open() {
	m.term += 1 + int64(m.rng.IntN(3))
	a, pos := openTerm(m.t, m.l, channel, m.term)
	m.a = a
	m.add(pos, m.term, "")
}

func (m *model) size() int {
	switch m.rng.IntN(20) {
	case 0:
		return m.rng.IntN(300 << 10)
	case 1, 2, 3:
		return m.rng.IntN(20 << 10)
	default:
		return m.rng.IntN(300)
	}
}

// append has several batches in flight; positions inside a batch are learnt
// by reading.
func (m *model) append() {
	var batches [][][]byte
	var pending []mq.Pending
	for range 1 + m.rng.IntN(6) {
		var batch [][]byte
		for range 1 + m.rng.IntN(4) {
			m.tag++
			batch = append(batch, append([]byte(fmt.Sprintf("%d:", m.tag)), randomBytes(uint64(m.tag), m.size())...))
		}
		batches = append(batches, batch)
		pending = append(pending, m.a.Append(batch))
	}
	after := m.last()
	var ends []base.Position
	for _, p := range pending {
		pos, err := p.Wait()
		require.NoError(m.t, err)
		ends = append(ends, pos)
	}
	got := readTo(m.t, m.l, channel, after, ends[len(ends)-1])
	for i, batch := range batches {
		for k, data := range batch {
			require.NotEmpty(m.t, got)
			require.Equal(m.t, string(data), got[0].data)
			if k == len(batch)-1 {
				require.Equal(m.t, ends[i], got[0].pos)
			}
			m.add(got[0].pos, m.term, string(data))
			got = got[1:]
		}
	}
	require.Empty(m.t, got)
}

func (m *model) truncate() {
	at := m.rng.IntN(len(m.records))
	if m.rng.IntN(4) == 0 {
		at = len(m.records) - 1
	}
	require.NoError(m.t, m.l.Truncate(m.t.Context(), channel, m.records[at].pos))
	m.cut = max(m.cut, at+1)
}

func (m *model) read() {
	if m.rng.IntN(3) == 0 {
		m.readFrom(base.Position{}, m.cut)
		return
	}
	at := m.rng.IntN(len(m.records))
	if at+1 < m.cut {
		_, err := m.l.Subscribe(m.t.Context(), channel, m.records[at].pos)
		require.ErrorIs(m.t, err, mq.ErrTruncated)
		return
	}
	m.readFrom(m.records[at].pos, at+1)
}

func (m *model) readFrom(after base.Position, index int) {
	if index == len(m.records) {
		return
	}
	got := readTo(m.t, m.l, channel, after, m.last())
	require.Len(m.t, got, len(m.records)-index)
	for i, e := range got {
		require.True(m.t, e == m.records[index+i], "got %v, want %v", e, m.records[index+i])
	}
}
