package mq

import (
	"fmt"
	"math/rand"
	"reflect"
	"testing"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/column"
	"github.com/redkite-db/redkite/internal/schema"
)

func randomGroup(r *rand.Rand, maxRows int) *Group {
	g := &Group{Timestamp: base.Timestamp(r.Int63())}
	r.Read(g.Request[:])
	for range 1 + r.Intn(3) {
		m := &Message{
			Kind: Kind(1 + r.Intn(7)), Shard: base.Shard{Collection: r.Int63(), Index: int32(r.Intn(16))},
			Partition: r.Int63(), DeletePartition: r.Int63(), Segment: r.Int63(), SchemaVersion: r.Int63(), Timestamp: g.Timestamp,
		}
		if m.Kind == Insert || m.Kind == Upsert {
			rows := 1 + r.Intn(maxRows)
			vectors := &column.Column{Type: schema.FloatVector, Dim: 4, Floats: make([]float32, 4*rows)}
			for i := range vectors.Floats {
				vectors.Floats[i] = r.Float32()
			}
			m.Rows = &column.Batch{Rows: rows, Fields: []base.ID{101}, Columns: []*column.Column{vectors}}
		}
		if m.Kind == Delete || m.Kind == Upsert {
			m.Keys = &column.Column{Type: schema.Int64, Int64s: []int64{r.Int63(), r.Int63()}}
		}
		g.Messages = append(g.Messages, m)
	}
	return g
}

func TestPackedGroupsComeBackInOrder(t *testing.T) {
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		var groups []*Group
		var encoded []*Encoded
		for range 1 + r.Intn(12) {
			g := randomGroup(r, 1+r.Intn(60))
			groups = append(groups, g)
			blank := *g
			blank.Timestamp = 0
			blank.Messages = nil
			for _, m := range g.Messages {
				c := *m
				c.Segment = 0
				blank.Messages = append(blank.Messages, &c)
			}
			e := Encode(&blank)
			e.Stamp(g.Timestamp)
			for i, m := range g.Messages {
				e.SetSegment(i, m.Segment)
			}
			encoded = append(encoded, e)
		}
		maxRecord := 200 + r.Intn(3000)
		records := Pack(encoded, r.Intn(3000), maxRecord)
		d := NewDecoder(base.Position{})
		var got []*Group
		for i, rec := range records {
			if len(rec) > maxRecord {
				t.Fatalf("seed %d: record of %d bytes, limit %d", seed, len(rec), maxRecord)
			}
			gs, start, err := d.Feed(Record{Position: base.Position{Offset: fmt.Sprintf("%08d", i+1)}, Data: rec})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if len(gs) > 0 && start.Offset > fmt.Sprintf("%08d", i) {
				t.Fatalf("seed %d: start %v of record %d", seed, start, i+1)
			}
			got = append(got, gs...)
		}
		if !reflect.DeepEqual(got, groups) {
			t.Fatalf("seed %d: groups differ", seed)
		}
	}
}

func TestIncompleteGroupDoesNotExist(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	g := &Group{Request: RequestID{1}, Messages: []*Message{{Kind: Delete, Keys: &column.Column{Type: schema.Int64, Int64s: make([]int64, 500)}}}}
	records := Pack([]*Encoded{Encode(g)}, 0, 300)
	if len(records) < 3 {
		t.Fatalf("%d records", len(records))
	}
	d := NewDecoder(base.Position{})
	feed := func(data []byte) []*Group {
		gs, _, err := d.Feed(Record{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		return gs
	}
	for _, rec := range records[:len(records)-1] {
		if feed(rec) != nil {
			t.Fatal("group came early")
		}
	}
	feed(nil) // the next term opens
	other := randomGroup(r, 3)
	if got := feed(Pack([]*Encoded{Encode(other)}, 0, 1<<20)[0]); len(got) != 1 || got[0].Request != other.Request {
		t.Fatalf("got %v", got)
	}
	if _, _, err := d.Feed(Record{Data: records[len(records)-1]}); err == nil {
		t.Fatal("a fragment without its beginning was accepted")
	}
}

func FuzzFeed(f *testing.F) {
	r := rand.New(rand.NewSource(1))
	f.Add(Pack([]*Encoded{Encode(randomGroup(r, 3)), Encode(randomGroup(r, 3))}, 1<<20, 1<<20)[0])
	f.Fuzz(func(t *testing.T, data []byte) {
		d := NewDecoder(base.Position{})
		_, _, _ = d.Feed(Record{Data: data})
	})
}
