package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/redkite-db/redkite/configs"
)

// runFunc runs the server until the context ends, then drains it. It writes
// what a user sees of the start to out.
type runFunc func(ctx context.Context, loaded *configs.Loaded, out io.Writer) error

// program is the command line with all that it takes from the process.
type program struct {
	// name is the path that the program was called by.
	name         string
	environ      []string
	systemMemory int64
	out, err     io.Writer
	serve        runFunc
	// exit ends the process at once.
	exit func(code int)
}

// main runs one command line and returns the exit code.
func (p *program) main(args []string) int {
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	if err := root.Execute(); err != nil {
		p.report(root.Name(), err)
		return 1
	}
	return 0
}

// report writes an error, one line for each part of a joined one.
func (p *program) report(name string, err error) {
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		_, _ = fmt.Fprintf(p.err, "%s: %v\n", name, err)
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintf(p.err, "%s: %s\n", name, line)
	}
}

// flags are the values of the dedicated flags as they were typed; the package
// configs judges them with all others.
type flags struct {
	file   string
	set    []string
	values map[string]*string
}

// dedicated lists the flags that stand for one key each.
func dedicated() []struct{ name, key, usage string } {
	return []struct{ name, key, usage string }{
		{"data", "redkite.dataDir", "keep all data in `DIR` (default ./redkite-data)"},
		{"port", "proxy.port", "serve the Milvus API on `PORT` (default 19530)"},
		{"metrics-port", "common.MetricsPort", "serve health and metrics on `PORT`, 0 for none (default 9091)"},
		{"listen", "redkite.listen", "listen on `ADDR`, several with commas, \"*\" for all (default 127.0.0.1,::1)"},
		{"memory-limit", "redkite.memoryLimit", "plan for `SIZE` of memory, such as 4GiB (default 3/4 of what there is)"},
	}
}

func (f *flags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	f.values = make(map[string]*string)
	for _, d := range dedicated() {
		f.values[d.name] = set.String(d.name, "", d.usage)
	}
	set.StringVar(&f.file, "config", "", "read `FILE`, which has the keys of milvus.yaml")
	set.StringArrayVar(&f.set, "set", nil, "set any key: `KEY=VALUE`; may be repeated")
}

// load reads the configuration from all its sources.
func (p *program) load(cmd *cobra.Command, f *flags) (*configs.Loaded, error) {
	s := configs.Sources{
		SystemMemory: p.systemMemory,
		File:         f.file,
		Environ:      p.environ,
		Set:          f.set,
	}
	for _, d := range dedicated() {
		if cmd.Flags().Changed(d.name) {
			s.Flags = append(s.Flags, configs.Flag{Name: "--" + d.name, Key: d.key, Value: *f.values[d.name]})
		}
	}
	return configs.Load(s)
}

// root builds the commands. The bare command is "run standalone".
func (p *program) root() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:               strings.TrimSuffix(filepath.Base(p.name), ".exe"),
		Short:             "Red Kite, a vector database that speaks Milvus's API",
		Long:              "Red Kite, a vector database that speaks Milvus's API.\n\nWithout a command it runs the server: the same as \"run standalone\".",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return p.run(cmd, f) },
	}
	root.Args = func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) }
	root.SetFlagErrorFunc(flagError)
	root.SetOut(p.out)
	root.SetErr(p.err)
	f.register(root.PersistentFlags())
	root.AddCommand(p.runCommand(f), p.healthCommand(f), p.versionCommand(), p.configCommand(f))
	return root
}

// unknownCommand refuses arguments of the bare command.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("unknown command %q; did you mean %q? %s --help lists all", args[0], configs.Nearest(args[0], names), cmd.Name())
}

// flagError words an error of the flags and suggests the nearest flag for one
// that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	}
	name := unknown.GetSpecifiedName()
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		return fmt.Errorf("unknown flag -%s; %s --help lists all", name, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("unknown flag --%s; did you mean --%s? %s --help lists all", name, configs.Nearest(name, names), cmd.CommandPath())
}
