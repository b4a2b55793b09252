package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/mq"
)

// Channel is what a client needs of a channel's owner; *Owner is one.
type Channel interface {
	Append(ctx context.Context, g *mq.Group) (base.Timestamp, error)
	ReadAt(ctx context.Context, guarantee base.Timestamp) (base.Timestamp, error)
}

// Dialer finds the owner of a channel.
type Dialer interface {
	Dial(ctx context.Context, ch base.Channel) (Channel, error)
}

// Client routes requests to the owners of channels.
type Client struct {
	dialer  Dialer
	rand    io.Reader
	backoff func(ctx context.Context, attempt int)
}

// retries of one write that an owner could not carry out. They cover an owner
// that opens its channel again.
const retries = 8

// NewClient returns a client that finds owners through d.
func NewClient(d Dialer) *Client {
	return &Client{dialer: d, rand: rand.Reader, backoff: sleepBackoff}
}

// Append writes a group through the owner of its channel. A write that the
// owner could not carry out is tried again under the same request id, so that
// it is never in the log twice.
func (c *Client) Append(ctx context.Context, ch base.Channel, g *mq.Group) (base.Timestamp, error) {
	if _, err := io.ReadFull(c.rand, g.Request[:]); err != nil {
		return 0, fmt.Errorf("stream: request id: %w", err)
	}
	for attempt := 0; ; attempt++ {
		owner, err := c.dialer.Dial(ctx, ch)
		if err != nil {
			return 0, err
		}
		ts, err := owner.Append(ctx, g)
		if !merr.Is(err, merr.Unavailable) || attempt == retries || ctx.Err() != nil {
			return ts, err
		}
		c.backoff(ctx, attempt)
	}
}

// ReadAt asks the owner of a channel for a time to read at: see Owner.ReadAt.
func (c *Client) ReadAt(ctx context.Context, ch base.Channel, guarantee base.Timestamp) (base.Timestamp, error) {
	owner, err := c.dialer.Dial(ctx, ch)
	if err != nil {
		return 0, err
	}
	return owner.ReadAt(ctx, guarantee)
}
