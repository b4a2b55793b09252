// Package telemetry holds what tells people and machines how the process does:
// text logs (log/slog into files of bounded size, repeated lines collapsed), a
// Prometheus registry, and the HTTP port with /healthz, /livez and /metrics.
package telemetry
