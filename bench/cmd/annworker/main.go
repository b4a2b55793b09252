// Command annworker holds one index of ours, or one of coder/hnsw, for the
// driver of bench/ann: it reads requests as lines of JSON from standard input
// and answers each with a line on standard output.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	name := flag.String("engine", "", "redkite-<kind> or coder-hnsw")
	flag.Parse()
	if err := run(context.Background(), *name); err != nil {
		fmt.Fprintln(os.Stderr, "annworker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string) error {
	e, err := newEngine(name)
	if err != nil {
		return err
	}
	w := &worker{engine: e, name: name}
	return errors.Join(w.serve(ctx, os.Stdin, os.Stdout), w.close())
}
