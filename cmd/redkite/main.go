// Command redkite is the whole database in one binary: it runs the server,
// asks a running one how it does, and shows the configuration. Called under
// the name milvus it behaves the same, so that "milvus run standalone" works.
package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/redkite-db/redkite/configs"
	"github.com/redkite-db/redkite/internal/sysmem"
)

func main() {
	p := program{
		name:         os.Args[0],
		environ:      os.Environ(),
		systemMemory: sysmem.Limit(),
		out:          os.Stdout,
		err:          os.Stderr,
		serve:        notWired,
		exit:         os.Exit,
	}
	os.Exit(p.main(os.Args[1:]))
}

// notWired stands in the place of the server.
func notWired(context.Context, *configs.Loaded, io.Writer) error {
	return errors.New("the server is not part of this build")
}
