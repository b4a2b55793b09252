package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Bounds of the HTTP port. Its clients are a prober and a scraper.
const (
	maxConnections    = 64
	maxHeaderBytes    = 16 << 10
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	scrapeTimeout     = 20 * time.Second
	maxScrapes        = 4
	// stopTimeout is how long a stop waits for answers under way.
	stopTimeout = time.Second
)

// NewHandler serves /healthz, /livez and /metrics to GET and HEAD, and nothing
// else: any other path is 404, unchanged by cleaning or redirects.
func NewHandler(health HealthFunc, metrics prometheus.Gatherer, log *slog.Logger) http.Handler {
	scrape := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		ErrorLog:            errorLog{log},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var serve http.HandlerFunc
		switch r.URL.Path {
		case "/healthz":
			serve = func(w http.ResponseWriter, r *http.Request) { serveHealth(w, r, health) }
		case "/livez":
			serve = serveLive
		case "/metrics":
			serve = scrape.ServeHTTP
		default:
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		serve(w, r)
	})
}

// serveLive answers as long as the process answers at all.
func serveLive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("OK"))
}

// errorLog writes what promhttp reports.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(v ...any) {
	l.log.Warn("metrics could not be gathered", "error", fmt.Sprint(v...))
}

// Serve answers HTTP on the listeners until the context ends, then waits a
// moment for answers under way and closes the listeners. It returns nil when
// the context ended it, and otherwise what broke.
func Serve(ctx context.Context, h http.Handler, log *slog.Logger, listeners ...net.Listener) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, len(listeners))
	for _, ln := range listeners {
		go func() { done <- s.Serve(netutil.LimitListener(ln, maxConnections)) }()
	}
	var broken error
	running := len(listeners)
	select {
	case <-ctx.Done():
	case err := <-done:
		broken = fmt.Errorf("telemetry: HTTP port: %w", err)
		running--
	}
	// The context that ended must not end the wait for the answers.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		// Connections that are still busy are cut.
		_ = s.Close()
	}
	for range running {
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			broken = errors.Join(broken, err)
		}
	}
	return broken
}
