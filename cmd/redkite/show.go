package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/redkite-db/redkite/configs"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.out, "Red Kite %s%s\nanswers clients as Milvus %s\nbuilt with %s for %s/%s\n",
				configs.Version, revision(), configs.MilvusVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// revision returns the commit that the build knows of, in brackets.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " (" + s.Value[:12] + ")"
		}
	}
	return ""
}

func (p *program) configCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration and where each value came from",
		Long: "Print the effective configuration and where each value came from. Keys that are accepted and do\n" +
			"nothing are printed where a source names them. Secrets are hidden.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := p.load(cmd, f)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(w, "KEY\tVALUE\tSOURCE")
			for _, e := range loaded.Entries() {
				source := e.Source
				if !e.Effect {
					source += " (accepted, no effect)"
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", e.Key, e.Value, source)
			}
			return w.Flush()
		},
	}
}
