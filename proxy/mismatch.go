package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/redkite-db/redkite/internal/merr"
)

// staleSchema is the mismatch of a client that names a schema which is not the
// collection's: it must learn of the change itself.
type staleSchema struct{ error }

func (s staleSchema) Unwrap() error { return s.error }

// mismatchTries bounds how often a request is tried again while the schema
// changes: about a second.
const mismatchTries = 11

// retryMismatch runs what depends on a collection's schema again if the schema
// changed between reading it and using it. The catalog and the owner of the
// channel learn of a change one after the other, so it waits a little longer
// each time.
func retryMismatch(ctx context.Context, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if !merr.Is(err, merr.SchemaMismatch) || errors.As(err, new(staleSchema)) || try == mismatchTries {
			return err
		}
		wait := time.NewTimer(time.Millisecond << try >> 1)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
	}
}
