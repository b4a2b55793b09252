package rootcoord

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/role"
)

// TestDropCancelsBuilds: builds that would go on for ever end when what they are
// for is dropped, that of a compaction's output too, and leave nothing.
func TestDropCancelsBuilds(t *testing.T) {
	dropIndex := role.DropIndex{CollectionRef: ref("c")}
	for _, test := range []struct {
		name    string
		drop    role.Command
		compact bool // the build is of a compaction's output
		kept    int  // segments in the end
	}{
		{"index", dropIndex, false, 1},
		{"collection", role.DropCollection{CollectionRef: ref("c")}, false, 0},
		{"partition", role.DropPartition{CollectionRef: ref("c"), Partition: "p"}, false, 0},
		{"index of an output", dropIndex, true, 1},
		{"collection of an output", role.DropCollection{CollectionRef: ref("c")}, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := start(t)
			l.searchable("c")
			l.must(role.Release{CollectionRef: ref("c")})
			l.must(role.CreatePartition{CollectionRef: ref("c"), Partition: "p"})
			begun := make(chan struct{}, 100)
			slow := func(ctx context.Context) error {
				begun <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}
			info, err := l.c.Collection(t.Context(), ref("c"))
			require.NoError(t, err)
			require.NoError(t, l.insert("c", "p", numbers(0, 10)...))
			if !test.compact {
				l.building.Store(&slow)
			}
			require.NoError(t, l.flush("c"))
			if test.compact {
				l.idle()
				l.building.Store(&slow)
				require.NoError(t, l.remove("c", numbers(0, 5)...))
				require.NoError(t, l.flush("c"))
			}
			<-begun
			l.must(test.drop)
			l.idle()
			require.Empty(t, l.c.loops.BuildFailure(info.Indexes[0].ID))
			segments := 0
			for _, key := range l.keys() {
				require.NotContains(t, key, "index_files/", "an object of the build is left")
				if key != "" {
					segments++
				}
			}
			if test.kept == 0 {
				require.Zero(t, segments)
			} else {
				require.NotZero(t, segments)
			}
		})
	}
}
