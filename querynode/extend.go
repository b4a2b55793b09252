package querynode

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/schema"
	"github.com/redkite-db/redkite/internal/segment"
)

// extender lets the indexes of growing segments follow their rows: of those
// that are searched, so that inserting alone costs nothing. One goroutine
// extends one segment at a time; a search meanwhile scans the rest.
type extender struct {
	logger *slog.Logger
	wanted chan extension // cap 1: a search never waits; the next one asks again
	last   atomic.Pointer[extended]
	cancel context.CancelFunc
	ended  chan struct{}
}

// extension is a growing segment whose index is to have its first rows rows.
type extension struct {
	segment *segment.Growing
	index   *schema.Index
	rows    int
}

// extended is what the last extension left. It does not hold the segment, so
// that the memory of a flushed one is freed.
type extended struct {
	segment base.ID
	rows    int
}

// extendStep is how many new rows are worth another extension.
const extendStep = 1024

func startExtender(logger *slog.Logger) *extender {
	ctx, cancel := context.WithCancel(context.Background())
	e := &extender{logger: logger, wanted: make(chan extension, 1), cancel: cancel, ended: make(chan struct{})}
	go e.run(ctx)
	return e
}

// want asks for the indexes of the segments that a search of a field read.
func (e *extender) want(growing []*segment.Growing, indexes []*schema.Index, field base.ID) {
	for _, g := range growing {
		rows := g.Rows()
		if last := e.last.Load(); rows < extendStep || last != nil && last.segment == g.ID() && rows-last.rows < extendStep {
			continue
		}
		for _, x := range indexes {
			if x.Field != field {
				continue
			}
			select {
			case e.wanted <- extension{segment: g, index: x, rows: rows}:
			default:
			}
		}
	}
}

func (e *extender) run(ctx context.Context) {
	defer close(e.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-e.wanted:
			if err := x.segment.Extend(ctx, x.index, 1); err != nil && ctx.Err() == nil {
				e.logger.Warn("index of a growing segment does not follow, its rows are scanned", "segment", x.segment.ID(), "err", err)
			}
			e.last.Store(&extended{segment: x.segment.ID(), rows: x.rows})
		}
	}
}

func (e *extender) close() {
	e.cancel()
	<-e.ended
}
