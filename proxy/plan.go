package proxy

import (
	"container/list"
	"sync"

	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/expr"
	"github.com/redkite-db/redkite/internal/role"
)

// plan parses a filter against a collection. Filters without templates are
// remembered.
func (s *Server) plan(info *role.CollectionInfo, text string, templates map[string]*schemapb.TemplateValue) (*expr.Plan, error) {
	if len(templates) > 0 {
		return expr.Parse(text, info.Collection, templates)
	}
	key := planKey{collection: info.ID, version: info.Version, text: text}
	if p := s.plans.get(key); p != nil {
		return p, nil
	}
	p, err := expr.Parse(text, info.Collection, nil)
	if err == nil {
		s.plans.put(key, p)
	}
	return p, err
}

type planKey struct {
	collection base.ID
	version    int64
	text       string
}

type planEntry struct {
	key  planKey
	plan *expr.Plan
}

// planCache holds the plans of the filters used last, up to a number of bytes
// of text.
type planCache struct {
	limit int
	mu    struct {
		sync.Mutex
		entries map[planKey]*list.Element // of planEntry
		order   *list.List                // the last used first
		bytes   int
	}
}

// entryBytes is what an entry weighs beside its text.
const entryBytes = 256

func newPlanCache(limit int) *planCache {
	c := &planCache{limit: limit}
	c.mu.entries, c.mu.order = make(map[planKey]*list.Element), list.New()
	return c
}

func (c *planCache) get(key planKey) *expr.Plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.mu.entries[key]
	if !ok {
		return nil
	}
	c.mu.order.MoveToFront(e)
	return e.Value.(planEntry).plan
}

func (c *planCache) put(key planKey, p *expr.Plan) {
	size := len(key.text) + entryBytes
	if size > c.limit/16 {
		return // a filter this long is not worth the others
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.mu.entries[key]; ok {
		return
	}
	c.mu.entries[key] = c.mu.order.PushFront(planEntry{key, p})
	c.mu.bytes += size
	for c.mu.bytes > c.limit {
		last := c.mu.order.Back()
		e := c.mu.order.Remove(last).(planEntry)
		delete(c.mu.entries, e.key)
		c.mu.bytes -= len(e.key.text) + entryBytes
	}
}
