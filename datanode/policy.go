package datanode

import (
	"cmp"
	"slices"
	"time"

	"github.com/redkite-db/redkite/internal/base"
)

// Policy says when growing segments are sealed.
type Policy struct {
	SegmentBytes int64         // a segment of that size is sealed
	MaxAge       time.Duration // and one that began that long ago
	// MaxIdle seals a segment of at least IdleBytes that got no row for so long.
	MaxIdle   time.Duration
	IdleBytes int64
	// CrowdedBytes of growing rows in all make the largest segments be sealed,
	// until there are no more than RoomyBytes.
	CrowdedBytes, RoomyBytes int64
	// LogBytes after the cut make the segment that holds the cut back be sealed.
	LogBytes int64
}

// Large reports whether a segment of that size is to be sealed.
func (p Policy) Large(bytes int64) bool { return bytes >= p.SegmentBytes }

// Crowded reports whether growing rows of that size in all are too many.
func (p Policy) Crowded(bytes int64) bool { return bytes >= p.CrowdedBytes }

// candidate is a growing segment that takes rows, as the policy sees it.
type candidate struct {
	id    base.ID
	bytes int64
	began time.Time
	last  time.Time // of its newest rows
	start base.Position
}

// due returns when age or idleness seals a segment.
func (p Policy) due(s candidate) time.Time {
	at := s.began.Add(p.MaxAge)
	if idle := s.last.Add(p.MaxIdle); s.bytes >= p.IdleBytes && idle.Before(at) {
		at = idle
	}
	return at
}

// choose returns the segments to seal. It is a pure function of what it is given.
func (p Policy) choose(segments []candidate, total, logBytes int64, now time.Time) []base.ID {
	chosen := make(map[base.ID]bool)
	take := func(s candidate) {
		chosen[s.id] = true
		total -= s.bytes
	}
	crowded := p.Crowded(total)
	for _, s := range segments {
		if p.Large(s.bytes) || !now.Before(p.due(s)) {
			take(s)
		}
	}
	if crowded {
		for _, s := range bySize(segments) {
			if total <= p.RoomyBytes {
				break
			}
			if !chosen[s.id] {
				take(s)
			}
		}
	}
	if logBytes >= p.LogBytes && len(segments) > 0 {
		chosen[slices.MinFunc(segments, func(a, b candidate) int { return a.start.Compare(b.start) }).id] = true
	}
	out := make([]base.ID, 0, len(chosen))
	for _, s := range segments {
		if chosen[s.id] {
			out = append(out, s.id)
		}
	}
	return out
}

// bySize returns the segments, the largest first.
func bySize(segments []candidate) []candidate {
	return slices.SortedFunc(slices.Values(segments), func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.id, b.id))
	})
}

// next returns when age or idleness seals the next segment; zero if there is none.
func (p Policy) next(segments []candidate) time.Time {
	var next time.Time
	for _, s := range segments {
		if at := p.due(s); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
