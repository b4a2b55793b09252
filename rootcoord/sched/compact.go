package sched

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

const (
	// growth is how many times larger than its largest input a merge must be.
	// A row is then rewritten at most log4(largest / smallest) times, and a
	// partition has few segments of each size.
	growth = 4
	// foldShare is the share of a segment's rows that may be deleted and still
	// in it, as far as that can be told from the delta logs.
	foldShare = 0.2
	// manyDeltas is how many delta logs a shard has at most before they are merged.
	manyDeltas = 16
	// rememberedCompactions is how many manual compactions are remembered.
	rememberedCompactions = 1000
)

// plan is one compaction: segments of one partition, or delta logs alone.
type plan struct {
	inputs []*role.Segment
	deltas []*role.DeltaLog
	manual base.ID // the request it belongs to; 0: none
}

// planCompaction decides what to do next in a shard, nil: nothing.
func planCompaction(snap *Snapshot, shard base.Shard, maxBytes int64) *plan {
	deltas := deltasOf(snap, shard)
	for _, group := range partitions(snap, shard) {
		if in := planFold(group, deltas, snap.Info.TruncatedAt); in != nil {
			return &plan{inputs: in, deltas: deltas}
		}
		if in := planMerge(group, maxBytes); in != nil {
			return &plan{inputs: in, deltas: deltas}
		}
	}
	if len(deltas) > manyDeltas {
		return &plan{deltas: mergeable(deltas)}
	}
	return nil
}

func deltasOf(snap *Snapshot, shard base.Shard) []*role.DeltaLog {
	var out []*role.DeltaLog
	for _, d := range snap.Deltas {
		if d.Shard == shard {
			out = append(out, d)
		}
	}
	return out
}

// partitions groups a shard's live segments by partition, each ascending by size.
func partitions(snap *Snapshot, shard base.Shard) [][]*role.Segment {
	byID := map[base.ID][]*role.Segment{}
	for _, seg := range snap.Segments {
		if seg.Shard == shard && !seg.Dropped {
			byID[seg.Partition] = append(byID[seg.Partition], seg)
		}
	}
	out := make([][]*role.Segment, 0, len(byID))
	for _, group := range byID {
		slices.SortFunc(group, func(a, b *role.Segment) int {
			return cmp.Or(cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.ID, b.ID))
		})
		out = append(out, group)
	}
	slices.SortFunc(out, func(a, b []*role.Segment) int { return cmp.Compare(a[0].Partition, b[0].Partition) })
	return out
}

// planMerge picks the most segments, smallest first, that together are growth
// times as large as the largest of them; or a set that fills a largest segment.
func planMerge(group []*role.Segment, maxBytes int64) []*role.Segment {
	var sum int64
	best := 0
	for i, seg := range group {
		if sum += seg.Bytes; sum > maxBytes {
			break
		}
		full := sum >= maxBytes*3/4 && seg.Bytes < maxBytes/2
		if i > 0 && (sum >= growth*seg.Bytes || full) {
			best = i + 1
		}
	}
	if best == 0 {
		return nil
	}
	return group[:best]
}

// planFold picks a segment of which many rows are hidden: by deletes that it
// has not folded, or by a truncation.
func planFold(group []*role.Segment, deltas []*role.DeltaLog, truncated base.Timestamp) []*role.Segment {
	for _, seg := range group {
		if seg.MinTime <= truncated {
			return []*role.Segment{seg}
		}
		// The deletes of a delta log spread over the rows it may concern.
		share := 0.0
		for _, d := range deltas {
			if !concerns(d, seg) {
				continue
			}
			var rows int64
			for _, other := range group {
				if concerns(d, other) || other.DeletesApplied >= d.To {
					rows += other.Rows
				}
			}
			share += float64(d.Rows) / float64(max(rows, 1))
		}
		if share > foldShare {
			return []*role.Segment{seg}
		}
	}
	return nil
}

// concerns reports whether a delta log may hide rows of a segment that has not folded it.
func concerns(d *role.DeltaLog, seg *role.Segment) bool {
	return seg.DeletesApplied < d.To && seg.MinTime < d.To
}

// mergeable leaves out a delta log that is much larger than all smaller ones
// together, so that it is not rewritten again and again.
func mergeable(deltas []*role.DeltaLog) []*role.DeltaLog {
	bySize := slices.Clone(deltas)
	slices.SortFunc(bySize, func(a, b *role.DeltaLog) int {
		return cmp.Or(cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.ID, b.ID))
	})
	var sum int64
	best := len(bySize)
	for i, d := range bySize {
		if sum += d.Rows; i > 0 && sum >= growth*d.Rows {
			best = i + 1
		}
	}
	out := bySize[:best]
	slices.SortFunc(out, func(a, b *role.DeltaLog) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// planMajor cuts a shard's partitions into plans that leave as few segments as
// possible and fold every delete. A segment that would stay as it is has none.
func planMajor(snap *Snapshot, shard base.Shard, maxBytes int64) []*plan {
	var out []*plan
	deltas := deltasOf(snap, shard)
	for _, group := range partitions(snap, shard) {
		var bin []*role.Segment
		var sum int64
		flush := func() {
			if len(bin) > 1 || len(bin) == 1 && dirty(bin[0], deltas, snap.Info.TruncatedAt) {
				out = append(out, &plan{inputs: bin, deltas: deltas})
			}
			bin, sum = nil, 0
		}
		for _, seg := range group {
			if sum+seg.Bytes > maxBytes {
				flush()
			}
			bin = append(bin, seg)
			sum += seg.Bytes
		}
		flush()
	}
	return out
}

func dirty(seg *role.Segment, deltas []*role.DeltaLog, truncated base.Timestamp) bool {
	return seg.MinTime <= truncated || slices.ContainsFunc(deltas, func(d *role.DeltaLog) bool { return concerns(d, seg) })
}

// compact works on one shard: manual plans first, then what is due.
func (s *Scheduler) compact(ctx context.Context, shard base.Shard) error {
	for {
		snap := s.host.Snapshot(shard.Collection)
		p := s.manual.next(shard)
		if snap == nil || snap.Dropping {
			if p == nil {
				return nil
			}
			s.manual.done(p, nil)
			continue
		}
		if p != nil {
			p = refresh(p, snap)
		} else if p = s.autoPlan(snap, shard); p == nil {
			return nil
		}
		err := s.runPlan(ctx, snap, shard, p)
		s.manual.done(p, err)
		if err != nil {
			return err
		}
	}
}

func (s *Scheduler) autoPlan(snap *Snapshot, shard base.Shard) *plan {
	v, _ := snap.Info.Property("collection.autocompaction.enabled")
	if on, err := schema.Truth(v); !s.cfg.AutoCompaction || err == nil && !on {
		return nil
	}
	return planCompaction(snap, shard, s.cfg.MaxSegment)
}

// refresh takes the newest versions of a plan's segments; those that are gone
// were compacted or dropped by something else.
func refresh(p *plan, snap *Snapshot) *plan {
	fresh := &plan{manual: p.manual}
	for _, in := range p.inputs {
		i, found := slices.BinarySearchFunc(snap.Segments, in.ID, func(a *role.Segment, id base.ID) int { return cmp.Compare(a.ID, id) })
		if found && !snap.Segments[i].Dropped {
			fresh.inputs = append(fresh.inputs, snap.Segments[i])
		}
	}
	if len(fresh.inputs) > 0 {
		fresh.deltas = deltasOf(snap, fresh.inputs[0].Shard)
	}
	return fresh
}

// runPlan compacts, builds the output's indexes, and commits both at once: a
// target never has to choose between inputs with indexes and an output without.
func (s *Scheduler) runPlan(ctx context.Context, snap *Snapshot, shard base.Shard, p *plan) error {
	if len(p.inputs)+len(p.deltas) == 0 {
		return nil
	}
	task, err := s.host.Begin(ctx, "compaction")
	if err != nil {
		return err
	}
	t := &role.CompactionTask{Task: task, Collection: snap.Info, Inputs: p.inputs, Deltas: p.deltas}
	open := []base.ID{task}
	r, err := s.w.Data.Compact(ctx, t)
	if err == nil {
		err = checkResult(t, shard, r)
	}
	if err == nil && r.Output != nil {
		var builds []base.ID
		builds, err = s.indexOutput(ctx, shard.Collection, p.inputs, r)
		open = append(open, builds...)
	}
	if err == nil {
		err = s.host.CommitCompaction(ctx, t, r)
	}
	// After a commit this ends only the builds of indexes dropped meanwhile.
	s.end(open...)
	if err != nil && ctx.Err() == nil {
		s.logger.Warn("a compaction failed", "collection", snap.Info.Name, "shard", shard, "inputs", len(p.inputs), "err", err)
	}
	return err
}

func checkResult(t *role.CompactionTask, shard base.Shard, r *role.CompactionResult) error {
	switch {
	case r.Task != t.Task || r.Shard != shard:
		return fmt.Errorf("sched: compaction %d of shard %s came back as %d of %s", t.Task, shard, r.Task, r.Shard)
	case len(t.Inputs) == 0 && r.Delta == nil:
		return errors.New("sched: merging delta logs gave none")
	}
	for _, d := range t.Deltas {
		if r.Output != nil && concerns(d, r.Output) {
			return fmt.Errorf("sched: compaction %d folded deletes up to %d, not those of delta log %d up to %d", t.Task, r.Output.DeletesApplied, d.ID, d.To)
		}
	}
	return nil
}

// indexOutput builds the indexes that a compaction's output needs, while the
// inputs are still there to extend theirs. Their tasks are returned with an error
// too: they are open.
func (s *Scheduler) indexOutput(ctx context.Context, collection base.ID, inputs []*role.Segment, r *role.CompactionResult) ([]base.ID, error) {
	snap := s.host.Snapshot(collection)
	if snap == nil || snap.Dropping {
		return nil, nil
	}
	var tasks []base.ID
	for _, x := range snap.Info.Indexes {
		if !Missing(snap.Info, x, r.Output, s.cfg.MinIndexRows) {
			continue
		}
		b, err := s.runBuild(ctx, snap.Info, x, r.Output, inputs)
		if errors.Is(err, errUnneeded) {
			continue
		}
		if err != nil {
			return tasks, err
		}
		tasks = append(tasks, b.Task)
		if r.Output.Indexes == nil {
			r.Output.Indexes = map[base.ID]role.IndexFile{}
		}
		r.Output.Indexes[x.ID] = b.File
	}
	return tasks, nil
}

// manual are the compactions that were asked for.
type manual struct {
	mu struct {
		sync.Mutex
		waiting map[base.Shard][]*plan
		states  map[base.ID]*role.CompactionState
		order   []base.ID // of states, oldest first
	}
}

func (m *manual) init() {
	m.mu.waiting = map[base.Shard][]*plan{}
	m.mu.states = map[base.ID]*role.CompactionState{}
}

func (m *manual) add(id base.ID, plans []*plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.states[id] = &role.CompactionState{Executing: int64(len(plans)), Done: len(plans) == 0}
	m.mu.order = append(m.mu.order, id)
	if len(m.mu.order) > rememberedCompactions {
		delete(m.mu.states, m.mu.order[0])
		m.mu.order = m.mu.order[1:]
	}
	for _, p := range plans {
		p.manual = id
		shard := p.inputs[0].Shard
		m.mu.waiting[shard] = append(m.mu.waiting[shard], p)
	}
}

// next takes the next plan of a shard, nil if there is none.
func (m *manual) next(shard base.Shard) *plan {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.mu.waiting[shard]
	if len(list) == 0 {
		delete(m.mu.waiting, shard)
		return nil
	}
	m.mu.waiting[shard] = list[1:]
	return list[0]
}

func (m *manual) done(p *plan, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := m.mu.states[p.manual]
	if st == nil {
		return
	}
	st.Executing--
	if err != nil {
		st.Failed++
	} else {
		st.Completed++
	}
	st.Done = st.Executing == 0
}

// Compact begins a manual compaction of a collection and returns its number of plans.
func (s *Scheduler) Compact(id, collection base.ID) int {
	snap := s.host.Snapshot(collection)
	if snap == nil || snap.Dropping {
		s.manual.add(id, nil)
		return 0
	}
	var plans []*plan
	for _, shard := range snap.Info.ShardList() {
		plans = append(plans, planMajor(snap, shard, s.cfg.MaxSegment)...)
	}
	s.manual.add(id, plans)
	for _, shard := range snap.Info.ShardList() {
		s.compactions.add(shard)
	}
	return len(plans)
}

// CompactionState tells how far a manual compaction is.
func (s *Scheduler) CompactionState(id base.ID) (role.CompactionState, bool) {
	s.manual.mu.Lock()
	defer s.manual.mu.Unlock()
	st, ok := s.manual.mu.states[id]
	if !ok {
		return role.CompactionState{}, false
	}
	return *st, true
}
