package rootcoord

import (
	"context"
	"fmt"
	"sync"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/meta"
	"github.com/redkite-db/redkite/mq"
)

// terms are the highest terms that were allotted. A stamp for a channel is
// taken under the shared lock and a term is raised under the exclusive one, so
// that whatever a new owner stamps is later than all that the old one got.
type terms struct {
	sync.RWMutex
	highest map[base.Channel]int64
}

// Now implements role.Clock.
func (c *Coord) Now(ctx context.Context, ch base.Channel, term int64) (base.Timestamp, error) {
	c.terms.RLock()
	defer c.terms.RUnlock()
	if highest := c.terms.highest[ch]; term < highest {
		return 0, fencedErr(ch, term, highest)
	}
	return c.oracle.Next(ctx)
}

// Timestamp implements role.Clock.
func (c *Coord) Timestamp(ctx context.Context) (base.Timestamp, error) { return c.oracle.Next(ctx) }

// IDs implements role.Clock.
func (c *Coord) IDs(ctx context.Context, n int) (base.ID, error) { return c.ids.Next(ctx, n) }

// Term implements role.Clock. The old owner's stamps wait while the new term
// is written.
func (c *Coord) Term(ctx context.Context, ch base.Channel) (int64, error) {
	c.terms.Lock()
	defer c.terms.Unlock()
	term := c.terms.highest[ch] + 1
	var change meta.Change
	change.PutTerm(ch, term)
	if err := c.catalog.Apply(ctx, &change); err != nil {
		return 0, fmt.Errorf("rootcoord: allotting a term of channel %s: %w", ch, err)
	}
	c.terms.highest[ch] = term
	return term, nil
}

// Past implements role.Clock.
func (c *Coord) Past(ctx context.Context, ts base.Timestamp) error { return c.oracle.Past(ctx, ts) }

func fencedErr(ch base.Channel, term, highest int64) error {
	return fmt.Errorf("%w: channel %s is at term %d, not %d", mq.ErrFenced, ch, highest, term)
}
