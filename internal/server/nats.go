package server

import (
	"context"
	"errors"

	"github.com/redkite-db/redkite/mq"
)

func openNATS(context.Context, *stack) (mq.Log, error) {
	return nil, errors.New("natsmq is not wired yet")
}
