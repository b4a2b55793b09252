package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the proxy's, with the names that Milvus's dashboards read.
type metrics struct {
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec

	inserted, upserted, deleted, searched prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "milvus", Subsystem: "proxy", Name: name, Help: help})
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "milvus", Subsystem: "proxy", Name: "req_count", Help: "requests by function and outcome (total, success, fail)",
		}, []string{"node_id", "function_name", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "milvus", Subsystem: "proxy", Name: "req_latency", Help: "time a request took, in milliseconds",
			Buckets: []float64{0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072},
		}, []string{"node_id", "function_name"}),
		inserted: counter("insert_vectors_count", "rows inserted"),
		upserted: counter("upsert_vectors_count", "rows upserted"),
		deleted:  counter("delete_vectors_count", "rows deleted"),
		searched: counter("search_vectors_count", "query vectors searched"),
	}
	if r != nil {
		r.MustRegister(m.requests, m.latency, m.inserted, m.upserted, m.deleted, m.searched)
	}
	return m
}

// methodMetrics are those of one RPC, looked up once.
type methodMetrics struct {
	total, success, fail prometheus.Counter
	latency              prometheus.Observer
}

func (m *metrics) method(name string) methodMetrics {
	const node = "1"
	return methodMetrics{
		total:   m.requests.WithLabelValues(node, name, "total"),
		success: m.requests.WithLabelValues(node, name, "success"),
		fail:    m.requests.WithLabelValues(node, name, "fail"),
		latency: m.latency.WithLabelValues(node, name),
	}
}

func (m methodMetrics) observe(d time.Duration, ok bool) {
	m.total.Inc()
	if ok {
		m.success.Inc()
	} else {
		m.fail.Inc()
	}
	m.latency.Observe(elapsed(d))
}
