package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/internal/segment"
)

// recovered is what the log gave back at the start.
type recovered struct{ shards, segments, rows int }

func (r *recovered) count(live *segment.Live) {
	for _, shard := range live.Shards() {
		r.shards++
		for _, g := range live.Growing(shard) {
			r.segments++
			r.rows += g.Rows()
		}
	}
}

// printBanner writes the one screen of a start.
func (s *stack) printBanner(out io.Writer, p ports, took time.Duration) {
	what := "nothing to recover: the directory is new"
	if !s.dir.Fresh() {
		what = fmt.Sprintf("%d shards; %d rows in %d growing segments from the log", s.recovered.shards, s.recovered.rows, s.recovered.segments)
	}
	lines := [][2]string{
		{"data", s.dir.Path()},
		{"api", addresses(p.api)},
		{"metrics", addresses(p.metrics)},
		{"log", s.cfg.Log.Type},
		{"recovered", what},
		{"ready", fmt.Sprintf("after %d ms", took.Milliseconds())},
	}
	_, _ = fmt.Fprintf(out, "Red Kite %s\n", configs.MilvusVersion())
	for _, l := range lines {
		_, _ = fmt.Fprintf(out, "  %-10s %s\n", l[0], l[1])
	}
}

func addresses(list []net.Listener) string {
	if len(list) == 0 {
		return "off"
	}
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = l.Addr().String()
	}
	return strings.Join(out, ", ")
}
