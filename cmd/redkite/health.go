package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/redkite-db/redkite/configs"
)

// maxHealthText bounds what is read of an answer.
const maxHealthText = 4 << 10

func (p *program) healthCommand(f *flags) *cobra.Command {
	var address string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it is healthy; the exit code is 0 if so, else 1",
		Long: "Ask a running server whether it is healthy; the exit code is 0 if so, else 1.\n\n" +
			"It asks /healthz on the metrics port, and gRPC's health service on the API port where there is no\n" +
			"metrics port or nobody answers on it. The ports are those of the configuration, so the same flags\n" +
			"and variables as the server's find it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			if address != "" {
				return p.healthHTTP(ctx, address)
			}
			loaded, err := p.load(cmd, f)
			if err != nil {
				return err
			}
			return p.health(ctx, loaded.Config)
		},
	}
	cmd.Flags().StringVar(&address, "address", "", "ask /healthz on `HOST:PORT`, whatever the configuration says")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "wait at most this `DURATION`")
	return cmd
}

// errUnreachable marks a server that did not answer HTTP.
var errUnreachable = errors.New("no answer")

// health asks the server of a configuration.
func (p *program) health(ctx context.Context, c configs.Config) error {
	host := c.Listen[0]
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	var broken error
	if c.MetricsPort != 0 {
		broken = p.healthHTTP(ctx, net.JoinHostPort(host, strconv.Itoa(c.MetricsPort)))
		if !errors.Is(broken, errUnreachable) {
			return broken
		}
	}
	if err := p.healthGRPC(ctx, net.JoinHostPort(host, strconv.Itoa(c.Proxy.Port))); err != nil {
		return errors.Join(broken, err)
	}
	return nil
}

// healthHTTP asks /healthz. Its error wraps errUnreachable if nobody answered.
func (p *program) healthHTTP(ctx context.Context, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("address %q: want HOST:PORT", address)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	// Of its own, so that no proxy of the environment is asked.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%w on %s: %w", errUnreachable, address, err)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxHealthText))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("%w on %s: %w", errUnreachable, address, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", address, res.Status, strings.TrimSpace(string(text)))
	}
	_, err = fmt.Fprintln(p.out, strings.TrimSpace(string(text)))
	return err
}

// healthGRPC asks gRPC's health service for the server as a whole.
func (p *program) healthGRPC(ctx context.Context, address string) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	res, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err := errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if res.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s: %s", address, res.GetStatus())
	}
	_, err = fmt.Fprintln(p.out, "OK")
	return err
}
