package server

import (
	"fmt"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/internal/vfs"
	"github.com/redkite-db/redkite/mq"
	"github.com/redkite-db/redkite/mq/natsmq"
	"github.com/redkite-db/redkite/mq/woodpecker"
)

// openLog opens the write-ahead log that the configuration names.
func (s *stack) openLog() (mq.Log, error) {
	c := s.cfg.Log
	switch c.Type {
	case configs.WoodpeckerMQ:
		return woodpecker.Open(woodpecker.Config{
			Dir: s.dir.Log(), FS: vfs.OS(), Logger: s.logger, SegmentSize: (c.Woodpecker.SegmentSize + 4095) &^ 4095, Capacity: c.Woodpecker.MaxFileStore,
		})
	case configs.NATSMQ:
		return natsmq.Open(natsmq.Config{
			Dir: s.dir.Log(), Logger: s.logger, Port: c.NATS.Port, MaxPayload: c.NATS.MaxPayload, MaxPending: c.NATS.MaxPending,
			Capacity: c.NATS.MaxFileStore, StartTimeout: c.NATS.InitializeTimeout,
		})
	}
	return nil, fmt.Errorf("mq.type %q is not in this build", c.Type)
}
