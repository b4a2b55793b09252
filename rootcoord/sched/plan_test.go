package sched

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// TestPlans runs the scripts of testdata. "state" sets the catalog, a record a
// line; the other commands print what would be done with it.
//
//	collection truncated=T loaded=all|P,P cut=N partitions=P,P
//	segment ID p=P rows=N bytes=N time=MIN-MAX folded=T end=N dropped index=I,I bare
//	delta ID rows=N time=FROM-TO
//	checkpoint version=N time=T
//	index ID type=T field=vec|id
func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var snap *Snapshot
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			shard := base.Shard{Collection: 1}
			switch d.Cmd {
			case "state":
				snap = parseState(t, d.Input)
				return ""
			case "compact":
				return printPlan(planCompaction(snap, shard, argument(d, "max", 1000)))
			case "major":
				var out strings.Builder
				for _, p := range planMajor(snap, shard, argument(d, "max", 1000)) {
					out.WriteString(printPlan(p))
				}
				return out.String()
			case "settle":
				return settle(snap, shard, argument(d, "max", 1000))
			case "target":
				return printTarget(planTarget(snap, shard))
			case "builds":
				return printBuilds(missingBuilds(snap, argument(d, "min", 10)))
			case "garbage":
				use := usage{segments: map[base.ID]bool{}}
				for _, a := range d.CmdArgs {
					for _, v := range a.Vals {
						use.segments[number(v)] = true
					}
				}
				return printGarbage(planGarbage(snap, use))
			}
			t.Fatalf("no such command: %s", d.Cmd)
			return ""
		})
	})
}

func argument(d *datadriven.TestData, key string, otherwise int64) int64 {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			return number(a.Vals[0])
		}
	}
	return otherwise
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func span(s string) (base.Timestamp, base.Timestamp) {
	a, b, _ := strings.Cut(s, "-")
	return base.Timestamp(number(a)), base.Timestamp(number(b))
}

func position(n string) base.Position { return base.Position{Offset: fmt.Sprintf("%06d", number(n))} }

func parseState(t *testing.T, input string) *Snapshot {
	coll := &schema.Collection{ID: 1, Shards: 1, Fields: []*schema.Field{
		{ID: 100, Name: "id", Type: schema.Int64, PrimaryKey: true}, {ID: 101, Name: "vec", Type: schema.FloatVector},
	}}
	snap := &Snapshot{Info: &role.CollectionInfo{Collection: coll}, Checkpoints: map[int32]role.Checkpoint{}}
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		switch f[0] {
		case "collection":
			parseCollection(snap, f[1:])
		case "segment":
			snap.Segments = append(snap.Segments, parseSegment(f[1:]))
		case "delta":
			snap.Deltas = append(snap.Deltas, parseDelta(f[1:]))
		case "checkpoint":
			cp := role.Checkpoint{}
			for _, a := range f[1:] {
				k, v, _ := strings.Cut(a, "=")
				if k == "version" {
					cp.Version = number(v)
				} else {
					cp.Time = base.Timestamp(number(v))
				}
			}
			snap.Checkpoints[0] = cp
		case "index":
			x := &schema.Index{ID: number(f[1]), Field: 101}
			for _, a := range f[2:] {
				switch k, v, _ := strings.Cut(a, "="); {
				case k == "type":
					x.Type = v
				case v == "id":
					x.Field = 100
				}
			}
			snap.Info.Indexes = append(snap.Info.Indexes, x)
		default:
			t.Fatalf("no such record: %s", line)
		}
	}
	slices.SortFunc(snap.Segments, func(a, b *role.Segment) int { return cmp.Compare(a.ID, b.ID) })
	return snap
}

func parseCollection(snap *Snapshot, f []string) {
	for _, a := range f {
		switch k, v, _ := strings.Cut(a, "="); k {
		case "truncated":
			snap.Info.TruncatedAt = base.Timestamp(number(v))
		case "cut":
			snap.Cut = position(v)
		case "partitions":
			for p := range strings.SplitSeq(v, ",") {
				snap.Info.Partitions = append(snap.Info.Partitions, &schema.Partition{ID: number(p)})
			}
		case "loaded":
			snap.Info.Load = &role.LoadInfo{All: v == "all"}
			for p := range strings.SplitSeq(v, ",") {
				if v != "all" {
					snap.Info.Load.Partitions = append(snap.Info.Load.Partitions, number(p))
				}
			}
		}
	}
}

func parseSegment(f []string) *role.Segment {
	s := &role.Segment{ID: number(f[0]), Shard: base.Shard{Collection: 1}, Partition: 1, Rows: 100, Bytes: 100, MinTime: 10, MaxTime: 20, Manifest: "m"}
	for _, a := range f[1:] {
		switch k, v, _ := strings.Cut(a, "="); k {
		case "p":
			s.Partition = number(v)
		case "rows":
			s.Rows = number(v)
		case "bytes":
			s.Bytes = number(v)
		case "time":
			s.MinTime, s.MaxTime = span(v)
		case "folded":
			s.DeletesApplied = base.Timestamp(number(v))
		case "end":
			s.End = position(v)
		case "dropped":
			s.Dropped = true
		case "bare":
			s.Manifest = ""
		case "index":
			s.Indexes = map[base.ID]role.IndexFile{}
			for i := range strings.SplitSeq(v, ",") {
				s.Indexes[number(i)] = role.IndexFile{Build: 1}
			}
		}
	}
	return s
}

func parseDelta(f []string) *role.DeltaLog {
	d := &role.DeltaLog{ID: number(f[0]), Shard: base.Shard{Collection: 1}, Rows: 1}
	for _, a := range f[1:] {
		switch k, v, _ := strings.Cut(a, "="); k {
		case "rows":
			d.Rows = number(v)
		case "time":
			d.From, d.To = span(v)
		}
	}
	return d
}

func ids[T any](list []T, id func(T) base.ID) string {
	var out []string
	for _, v := range list {
		out = append(out, strconv.FormatInt(id(v), 10))
	}
	return strings.Join(out, " ")
}

func segmentID(s *role.Segment) base.ID { return s.ID }
func deltaID(d *role.DeltaLog) base.ID  { return d.ID }
func self(id base.ID) base.ID           { return id }

func printPlan(p *plan) string {
	switch {
	case p == nil:
		return "nothing\n"
	case len(p.inputs) == 0:
		return fmt.Sprintf("merge deltas %s\n", ids(p.deltas, deltaID))
	}
	return fmt.Sprintf("merge %s with deltas [%s]\n", ids(p.inputs, segmentID), ids(p.deltas, deltaID))
}

// settle carries out plans until there is nothing to do, and prints what is left.
func settle(snap *Snapshot, shard base.Shard, maxBytes int64) string {
	var rewritten int64
	next := base.ID(1_000_000)
	for range 10_000 {
		p := planCompaction(snap, shard, maxBytes)
		if p == nil {
			var sizes []string
			for _, group := range partitions(snap, shard) {
				for _, s := range group {
					sizes = append(sizes, strconv.FormatInt(s.Bytes, 10))
				}
			}
			return fmt.Sprintf("%d segments: %s\nrewritten %d\n", len(sizes), strings.Join(sizes, " "), rewritten)
		}
		out := &role.Segment{ID: next, Shard: shard, Partition: p.inputs[0].Partition, MinTime: snap.Info.TruncatedAt + 1}
		next++
		for _, s := range p.inputs {
			out.Rows += s.Rows
			out.Bytes += s.Bytes
		}
		rewritten += out.Bytes
		for _, d := range p.deltas {
			out.DeletesApplied = max(out.DeletesApplied, d.To)
		}
		snap.Segments = slices.DeleteFunc(snap.Segments, func(s *role.Segment) bool { return slices.Contains(p.inputs, s) })
		snap.Segments = append(snap.Segments, out)
	}
	return "does not settle\n"
}

func printTarget(t *role.LoadTarget) string {
	var parts []int64
	for p := range t.Partitions {
		parts = append(parts, p)
	}
	slices.Sort(parts)
	return fmt.Sprintf("checkpoint %d partitions %v segments %s deltas %s\n", t.Checkpoint.Version, parts, ids(t.Segments, segmentID), ids(t.Deltas, deltaID))
}

func printBuilds(keys []buildKey) string {
	var out strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&out, "index %d of segment %d\n", k.index, k.segment)
	}
	return out.String()
}

func printGarbage(g garbage) string {
	return fmt.Sprintf("objects %s\nremove %s\nbare %s\ndeltas %s\n",
		ids(g.objects, segmentID), ids(g.remove, self), ids(g.bare, self), ids(g.deltas, self))
}
