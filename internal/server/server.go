// Package server holds the wiring: it turns a configuration into adapters and
// roles, starts them in order, and drains and stops them.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/internal/telemetry"
)

// Run serves until ctx ends, then drains: requests in flight are answered,
// new ones refused. It writes what a user sees of the start to out.
func Run(ctx context.Context, loaded *configs.Loaded, out io.Writer) (err error) {
	began := time.Now()
	cfg := &loaded.Config
	debug.SetMemoryLimit(heapLimit(cfg.MemoryLimit))
	s := &stack{cfg: cfg}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.openDirectory(); err != nil {
		return err
	}
	listeners, err := listen(cfg)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	s.serveAPI(listeners.api, failed)
	s.serveMetrics(listeners.metrics, failed)
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // a signal came while it recovered
		}
		s.logger.Error("start failed", "err", err)
		return err
	}
	s.api.SetReady()
	took := time.Since(began)
	s.logger.Info("ready", "version", configs.MilvusVersion(), "took", took)
	s.printBanner(out, listeners, took)
	select {
	case <-ctx.Done():
		s.logger.Info("draining")
		return nil
	case err := <-failed:
		return err
	}
}

// heapLimit leaves room beside the Go heap for what is mapped and for the
// garbage of one collection.
func heapLimit(memory int64) int64 { return memory / 10 * 7 }

// ports are the open listeners, one for each host of the configuration.
type ports struct{ api, metrics []net.Listener }

// listen binds every port before anything is opened, so that a port in use is
// the first thing to be told. Of several hosts one may be missing on the
// machine (no IPv6), not all.
func listen(cfg *configs.Config) (ports, error) {
	var p ports
	var err error
	if p.api, err = listenAll(cfg.Listen, cfg.Proxy.Port, "--port"); err != nil {
		return p, err
	}
	if cfg.MetricsPort == 0 {
		return p, nil
	}
	if p.metrics, err = listenAll(cfg.Listen, cfg.MetricsPort, "--metrics-port"); err != nil {
		closeAll(p.api)
	}
	return p, err
}

func listenAll(hosts []string, port int, flag string) ([]net.Listener, error) {
	var out []net.Listener
	var errs []error
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, l)
	}
	inUse := false
	for _, err := range errs {
		inUse = inUse || isInUse(err)
	}
	if len(out) == 0 || inUse {
		closeAll(out)
		return nil, fmt.Errorf("cannot listen (choose another port with %s): %w", flag, errors.Join(errs...))
	}
	return out, nil
}

func closeAll(list []net.Listener) {
	for _, l := range list {
		_ = l.Close()
	}
}

// serveMetrics serves health and metrics until the stack closes.
func (s *stack) serveMetrics(listeners []net.Listener, failed chan<- error) {
	if len(listeners) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	handler := telemetry.NewHandler(s.components, s.registry, s.logger)
	go func() {
		defer close(done)
		if err := telemetry.Serve(ctx, handler, s.logger, listeners...); err != nil {
			failed <- err
		}
	}()
	s.onClose(func() error {
		cancel()
		<-done
		return nil
	})
}

// serveAPI answers the public port from now on: that it recovers, until the
// roles are there.
func (s *stack) serveAPI(listeners []net.Listener, failed chan<- error) {
	g := s.api.NewGRPC()
	done := make(chan struct{}, len(listeners))
	for _, l := range listeners {
		go func() {
			if err := g.Serve(l); err != nil {
				failed <- fmt.Errorf("serve %v: %w", l.Addr(), err)
			}
			done <- struct{}{}
		}()
	}
	s.onClose(func() error {
		s.api.SetDraining()
		stopped := make(chan struct{})
		go func() {
			g.GracefulStop()
			close(stopped)
		}()
		t := time.NewTimer(s.cfg.Proxy.DrainTimeout)
		defer t.Stop()
		select {
		case <-stopped:
		case <-t.C:
			g.Stop()
			<-stopped
		}
		for range listeners {
			<-done
		}
		return nil
	})
}
