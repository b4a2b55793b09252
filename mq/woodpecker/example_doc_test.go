package woodpecker

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the example of docs/formats/wlog.md anew")

const formatPage = "../../docs/formats/wlog.md"

// The bytes in the description of the format are those of a log with the
// records "" and "kite" of term 7, closed cleanly; lines of zeros are left out.
func TestDocumentedBytes(t *testing.T) {
	page, err := os.ReadFile(formatPage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), "```hex\n")
	require.True(t, ok)
	example, after, ok := strings.Cut(rest, "```")
	require.True(t, ok)

	m := vfs.NewMem(1)
	cfg := Config{Dir: dir, FS: m, FirstSegment: minSegment + pageSize, SegmentSize: minSegment + pageSize}
	l := openLog(t, cfg)
	a, _, err := l.Open(t.Context(), "ch", 7)
	require.NoError(t, err)
	_, err = a.Append([][]byte{[]byte("kite")}).Wait()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	name := dir + "/ch-0000000000000001.wlog"
	data, err := vfs.ReadFile(m, name)
	require.NoError(t, err)
	if *rewrite {
		require.NoError(t, os.WriteFile(formatPage, []byte(before+"```hex\n"+dump(data)+"```"+after), 0o600))
		return
	}
	require.Equal(t, dump(data), example)

	documented := make([]byte, len(data))
	for line := range strings.Lines(example) {
		at, text, ok := strings.Cut(strings.TrimSpace(line), "  ")
		require.True(t, ok)
		off, err := strconv.ParseInt(at, 16, 64)
		require.NoError(t, err)
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		require.NoError(t, err)
		copy(documented[off:], b)
	}
	require.NoError(t, vfs.WriteFile(m, name, documented))
	l = openLog(t, cfg)
	defer l.Close()
	sub, err := l.Subscribe(t.Context(), "ch", base.Position{})
	require.NoError(t, err)
	defer sub.Close()
	for _, want := range []string{"", "kite"} {
		rec, err := sub.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, string(rec.Data))
		require.EqualValues(t, 7, rec.Term)
	}
}

func dump(data []byte) string {
	var b strings.Builder
	for at := 0; at < len(data); at += 16 {
		if line := data[at : at+16]; !bytes.Equal(line, make([]byte, 16)) {
			fmt.Fprintf(&b, "%05x  % x\n", at, line)
		}
	}
	return b.String()
}
