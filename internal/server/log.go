package server

import (
	"context"
	"fmt"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/woodpecker"
)

// openLog opens the write-ahead log that the configuration names.
func (s *stack) openLog(ctx context.Context) (mq.Log, error) {
	switch s.cfg.Log.Type {
	case configs.WoodpeckerMQ:
		return woodpecker.Open(woodpecker.Config{
			Dir: s.dir.Log(), FS: vfs.OS(), Logger: s.logger,
			SegmentSize: s.cfg.Log.Woodpecker.SegmentSize, Capacity: s.cfg.Log.Woodpecker.MaxFileStore,
		})
	case configs.NATSMQ:
		return openNATS(ctx, s)
	}
	return nil, fmt.Errorf("mq.type %q is not in this build", s.cfg.Log.Type)
}
