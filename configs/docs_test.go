package configs

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/config.md")

//go:generate go test . -run TestDocs -update

func TestDocs(t *testing.T) {
	const path = "../docs/config.md"
	var b bytes.Buffer
	require.NoError(t, Docs(&b))
	if *update {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n"))),
		"docs/config.md is stale: go generate ./configs")
}
