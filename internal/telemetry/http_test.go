package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func handler(components ...Component) http.Handler {
	return NewHandler(func(context.Context) []Component { return components }, NewRegistry("1.2.3"), quiet())
}

func get(h http.Handler, method, target, contentType string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHealthz(t *testing.T) {
	well := handler(Component{"proxy", Healthy}, Component{"rootcoord", StandBy})
	ill := handler(Component{"proxy", Healthy}, Component{"datanode", Initializing}, Component{"querynode", Abnormal}, Component{"x", Stopping})
	for name, c := range map[string]struct {
		h           http.Handler
		contentType string
		status      int
		body        string
	}{
		"well":           {well, "", 200, "OK"},
		"no components":  {handler(), "", 200, "OK"},
		"ill":            {ill, "", 500, "Not all components are healthy, 1/4"},
		"other type":     {well, "text/html", 200, "OK"},
		"malformed type": {well, "application/json;;;=", 200, "OK"},
		"well, JSON":     {well, "application/json", 200, `{"state":"OK","detail":[{"name":"proxy","code":1},{"name":"rootcoord","code":3}]}`},
		"JSON, charset":  {handler(), "application/json; charset=utf-8", 200, `{"state":"OK","detail":[]}`},
		"ill, JSON": {ill, "application/json", 500,
			`{"state":"Not all components are healthy, 1/4","detail":[{"name":"proxy","code":1},{"name":"datanode","code":0},{"name":"querynode","code":2},{"name":"x","code":4}]}`},
	} {
		w := get(c.h, "GET", "/healthz", c.contentType)
		require.Equal(t, c.status, w.Code, name)
		require.Equal(t, c.body, w.Body.String(), name)
	}
}

func TestLivez(t *testing.T) {
	w := get(handler(Component{"proxy", Abnormal}), "GET", "/livez", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "OK", w.Body.String())
}

func TestMetrics(t *testing.T) {
	w := get(handler(), "GET", "/metrics", "")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `redkite_build_info{goversion="go`)
	require.Contains(t, w.Body.String(), `version="1.2.3"} 1`)
	require.Contains(t, w.Body.String(), "go_goroutines ")
}

func TestNothingElse(t *testing.T) {
	for _, target := range []string{"/", "/healthz/", "//healthz", "/a/../healthz", "/metrics/x", "/metrics_default", "/debug/pprof/",
		"/healthz%2f", "/static/../../etc/passwd", "/HEALTHZ", "/expr", "/management/stop", "/%00"} {
		w := get(handler(), "GET", target, "")
		require.Equal(t, 404, w.Code, target)
		require.Empty(t, w.Header().Get("Location"), target)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
		w := get(handler(), method, "/healthz", "")
		require.Equal(t, 405, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
}

func serve(t *testing.T, n int) (base []string, stop func() error) {
	t.Helper()
	var listeners []net.Listener
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners = append(listeners, ln)
		base = append(base, "http://"+ln.Addr().String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, handler(Component{"proxy", Healthy}), quiet(), listeners...) }()
	return base, func() error {
		cancel()
		return <-done
	}
}

func TestServe(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	bases, stop := serve(t, 2)
	for _, base := range bases {
		res, err := client.Head(base + "/healthz")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)

		r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/healthz", nil)
		require.NoError(t, err)
		r.Header.Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
		res, err = client.Do(r)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
	}
	require.NoError(t, stop())
	_, err := net.Dial("tcp", strings.TrimPrefix(bases[0], "http://"))
	require.Error(t, err)
}

// A stop before the first connection, and one while a client holds an idle
// connection, end.
func TestServeStops(t *testing.T) {
	_, stop := serve(t, 1)
	require.NoError(t, stop())

	bases, stop := serve(t, 1)
	conn, err := net.Dial("tcp", strings.TrimPrefix(bases[0], "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n"))
	require.NoError(t, err)
	require.NoError(t, stop())
}

// One listener that breaks ends the others, and is reported.
func TestServeReportsABrokenListener(t *testing.T) {
	a, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, a.Close())
	err = Serve(t.Context(), handler(), quiet(), a, b)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = net.Dial("tcp", b.Addr().String())
	require.Error(t, err)
}
