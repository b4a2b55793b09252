package listflag_test

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/bench/listflag"
)

func TestOf(t *testing.T) {
	ints, shares := listflag.Of[int]{20, 30}, listflag.Of[float64]{0.75}
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Var(&ints, "ints", "")
	f.Var(&shares, "shares", "")
	require.Equal(t, "20,30", f.Lookup("ints").DefValue)
	require.NoError(t, f.Parse([]string{"-shares", "0.5,1"}))
	require.Equal(t, listflag.Of[int]{20, 30}, ints)
	require.Equal(t, listflag.Of[float64]{0.5, 1}, shares)
	for _, bad := range []string{"", "1,", "1.5", "1 2", "x"} {
		require.Error(t, f.Parse([]string{"-ints", bad}), bad)
	}
}
