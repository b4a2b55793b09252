package main

import (
	"context"
	"fmt"
	"os"
)

// drainOn returns a context that ends with the first signal; the second signal
// ends the process, as a shell reports it: 128 and SIGINT's number. stop ends
// the watch and returns when it has ended.
func (p *program) drainOn(parent context.Context, signals <-chan os.Signal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			_, _ = fmt.Fprintf(p.err, "%v: stopping; a second signal ends at once\n", s)
			cancel()
		case <-quit:
			return
		}
		select {
		case <-signals:
			p.exit(130)
		case <-quit:
		}
	}()
	return ctx, func() {
		close(quit)
		<-done
		cancel()
	}
}
