package sysmem

import (
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestLimitOfThisMachine(t *testing.T) {
	require.Greater(t, Limit(), int64(16<<20))
	if runtime.GOOS == "linux" {
		require.LessOrEqual(t, Limit(), machine())
	}
}

func TestCgroupLimit(t *testing.T) {
	const none = "9223372036854771712\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no control groups": {nil, 0},
		"v2 limit": {map[string]string{
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "1073741824\n",
		}, 1 << 30},
		"v2 without limit": {map[string]string{
			"proc/self/cgroup":           "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "max\n",
		}, 0},
		"v2 parent is stricter": {map[string]string{
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/memory.max":   "100\n",
			"sys/fs/cgroup/a/b/memory.max": "200\n",
		}, 100},
		"v2 container: the host's path": {map[string]string{
			"proc/self/cgroup":         "0::/../../docker/0123\n",
			"sys/fs/cgroup/memory.max": "300\n",
		}, 300},
		"v1": {map[string]string{
			"proc/self/cgroup": "12:cpu,cpuacct:/c\n4:memory:/m\n0::/\n",
			"sys/fs/cgroup/memory/m/memory.limit_in_bytes": "400\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   none,
		}, 400},
		"v1 without limit": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": none,
		}, 0},
		"both": {map[string]string{
			"proc/self/cgroup":                             "4:memory:/m\n0::/a\n",
			"sys/fs/cgroup/a/memory.max":                   "600\n",
			"sys/fs/cgroup/memory/m/memory.limit_in_bytes": "500\n",
		}, 500},
		"nonsense": {map[string]string{
			"proc/self/cgroup":         "x\n:\n0::/\n",
			"sys/fs/cgroup/memory.max": "-5\n",
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for p, text := range c.files {
				root[p] = &fstest.MapFile{Data: []byte(text)}
			}
			require.Equal(t, c.want, cgroupLimit(root))
		})
	}
}
