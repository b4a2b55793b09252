package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
)

// State is how a component does. The numbers are Milvus's state codes.
type State int

// The states.
const (
	Initializing State = 0
	Healthy      State = 1
	Abnormal     State = 2
	StandBy      State = 3
	Stopping     State = 4
)

// Component is one part of the process with its state.
type Component struct {
	Name  string
	State State
}

// HealthFunc returns the components. It must not block: it is asked by
// whoever watches the process.
type HealthFunc func(ctx context.Context) []Component

// healthBody is the JSON form of an answer to /healthz.
type healthBody struct {
	State  string         `json:"state"`
	Detail []healthDetail `json:"detail"`
}

type healthDetail struct {
	Name string `json:"name"`
	Code State  `json:"code"`
}

// serveHealth answers 200 "OK" when every component is healthy or stands by,
// else 500 and how many are. The answer is JSON if the request says that it is.
func serveHealth(w http.ResponseWriter, r *http.Request, health HealthFunc) {
	components := health(r.Context())
	body := healthBody{State: "OK", Detail: make([]healthDetail, 0, len(components))}
	well := 0
	for _, c := range components {
		body.Detail = append(body.Detail, healthDetail{Name: c.Name, Code: c.State})
		if c.State == Healthy || c.State == StandBy {
			well++
		}
	}
	status := http.StatusOK
	if well < len(components) {
		status = http.StatusInternalServerError
		body.State = fmt.Sprintf("Not all components are healthy, %d/%d", well, len(components))
	}
	kind, text := "text/plain; charset=utf-8", []byte(body.State)
	if asked, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && asked == "application/json" {
		b, err := json.Marshal(body)
		if err != nil {
			http.Error(w, "health cannot be written", http.StatusInternalServerError)
			return
		}
		kind, text = "application/json", b
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
