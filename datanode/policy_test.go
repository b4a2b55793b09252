package datanode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
)

func TestPolicyChooses(t *testing.T) {
	p := Policy{
		SegmentBytes: 100, MaxAge: time.Hour, MaxIdle: time.Minute, IdleBytes: 20,
		CrowdedBytes: 250, RoomyBytes: 120, LogBytes: 1000,
	}
	now := time.Unix(100_000, 0)
	seg := func(id base.ID, bytes int64, age, idle time.Duration, start string) candidate {
		return candidate{id: id, bytes: bytes, began: now.Add(-age), last: now.Add(-idle), start: base.Position{Offset: start}}
	}
	young := []candidate{seg(1, 10, 0, 0, "c"), seg(2, 90, 0, 0, "a"), seg(3, 80, 0, 0, "b")}
	for name, tc := range map[string]struct {
		segments []candidate
		total    int64
		log      int64
		want     []base.ID
	}{
		"nothing is due":                {young, 180, 0, []base.ID{}},
		"large":                         {[]candidate{seg(1, 100, 0, 0, "a"), seg(2, 99, 0, 0, "b")}, 199, 0, []base.ID{1}},
		"old, however small":            {[]candidate{seg(1, 1, time.Hour, 0, "a")}, 1, 0, []base.ID{1}},
		"idle and worth it":             {[]candidate{seg(1, 20, time.Minute, time.Minute, "a"), seg(2, 19, time.Minute, time.Minute, "b")}, 39, 0, []base.ID{1}},
		"crowded: the largest go":       {young, 260, 0, []base.ID{2, 3}},
		"crowded by what is on its way": {nil, 260, 0, []base.ID{}},
		"large ones may make room":      {[]candidate{seg(1, 150, 0, 0, "a"), seg(2, 90, 0, 0, "b")}, 260, 0, []base.ID{1}},
		"the log is long: the oldest":   {young, 180, 1000, []base.ID{2}},
	} {
		require.Equal(t, tc.want, p.choose(tc.segments, tc.total, tc.log, now), name)
	}
}

func TestPolicyNext(t *testing.T) {
	p := Policy{MaxAge: time.Hour, MaxIdle: time.Minute, IdleBytes: 20}
	at := time.Unix(100_000, 0)
	require.True(t, p.next(nil).IsZero())
	small, large := candidate{began: at, last: at, bytes: 1}, candidate{began: at, last: at.Add(time.Second), bytes: 20}
	require.Equal(t, at.Add(time.Hour), p.next([]candidate{small}))
	require.Equal(t, at.Add(time.Minute+time.Second), p.next([]candidate{small, large}))
}
