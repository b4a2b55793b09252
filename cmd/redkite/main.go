// Command redkite is the whole database in one binary: it runs the server,
// asks a running one how it does, and shows the configuration. Called under
// the name milvus it behaves the same, so that "milvus run standalone" works.
package main

import (
	"os"

	"github.com/redkite-db/redkite/internal/server"
	"github.com/redkite-db/redkite/internal/sysmem"
)

func main() {
	p := program{
		name:         os.Args[0],
		environ:      os.Environ(),
		systemMemory: sysmem.Limit(),
		out:          os.Stdout,
		err:          os.Stderr,
		serve:        server.Run,
		exit:         os.Exit,
	}
	os.Exit(p.main(os.Args[1:]))
}
