package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// standalone is the one role of this version: all of Milvus's in one process.
const standalone = "standalone"

// milvusRoles are the other roles that Milvus can be told to run.
func milvusRoles() []string {
	return []string{
		"mixture", "mixcoord", "rootcoord", "proxy", "querycoord", "querynode", "datacoord",
		"datanode", "indexcoord", "indexnode", "streamingnode", "cdc",
	}
}

func (p *program) runCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "run standalone",
		Short: "Run the server",
		Long: "Run the server until it gets SIGINT or SIGTERM. The first signal drains it: requests in flight\n" +
			"are answered, new ones refused. A second one ends it at once; nothing acknowledged is lost.",
		Args: checkRole,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd, f) },
	}
}

// checkRole takes "standalone" alone.
func checkRole(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("say what to run: %s %s", cmd.CommandPath(), standalone)
	case len(args) > 1:
		return fmt.Errorf("too many arguments: %s %s takes none", cmd.CommandPath(), standalone)
	}
	role := strings.ToLower(args[0])
	switch {
	case role == standalone:
		return nil
	case slices.Contains(milvusRoles(), role):
		return fmt.Errorf("role %q is not in this version: %s has all roles in one process", args[0], standalone)
	default:
		return fmt.Errorf("unknown role %q; did you mean %q?", args[0], standalone)
	}
}

// run loads the configuration and serves until a signal comes.
func (p *program) run(cmd *cobra.Command, f *flags) error {
	loaded, err := p.load(cmd, f)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := p.drainOn(cmd.Context(), signals)
	defer stop()
	return p.serve(ctx, loaded, p.out)
}
