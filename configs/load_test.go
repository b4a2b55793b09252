package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestLoad runs the scripts in testdata/load. The input of "load" is one line
// for each source: "env NAME=VALUE", "set key=value", "flag --name key value",
// and "| text" for each line of the file. It prints what is not built-in, or
// the problems.
func TestLoad(t *testing.T) {
	datadriven.Walk(t, "testdata/load", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			require.Equal(t, "load", d.Cmd)
			dir := t.TempDir()
			s := scriptSources(t, dir, d.Input)
			l, err := Load(s)
			if err != nil {
				return strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "") + "\n"
			}
			var b strings.Builder
			for _, e := range l.Entries() {
				if e.Source == "built-in" || strings.HasPrefix(e.Source, "built-in:") {
					continue
				}
				fmt.Fprintf(&b, "%s = %s (%s)", e.Key, e.Value, filepath.Base(e.Source))
				if !e.Effect {
					b.WriteString(" no effect")
				}
				b.WriteString("\n")
			}
			return b.String()
		})
	})
}

func scriptSources(t *testing.T, dir, input string) Sources {
	t.Helper()
	s := Sources{SystemMemory: 8 << 30}
	var file strings.Builder
	for line := range strings.Lines(input) {
		line = strings.TrimSuffix(line, "\n")
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "env":
			s.Environ = append(s.Environ, rest)
		case "set":
			s.Set = append(s.Set, rest)
		case "flag":
			f := strings.SplitN(rest, " ", 3)
			s.Flags = append(s.Flags, Flag{f[0], f[1], f[2]})
		case "|":
			file.WriteString(rest + "\n")
		case "|tab":
			file.WriteString("\t" + rest + "\n")
		default:
			t.Fatalf("bad line %q", line)
		}
	}
	if file.Len() > 0 {
		s.File = filepath.Join(dir, "milvus.yaml")
		require.NoError(t, os.WriteFile(s.File, []byte(file.String()), 0o600))
	}
	return s
}

func TestDefaults(t *testing.T) {
	l, err := Load(Sources{SystemMemory: 8 << 30})
	require.NoError(t, err)
	c := l.Config
	require.Equal(t, "./redkite-data", c.DataDir)
	require.Equal(t, []string{"127.0.0.1", "::1"}, c.Listen)
	require.Equal(t, int64(6<<30), c.MemoryLimit)
	require.Equal(t, 9091, c.MetricsPort)
	require.Equal(t, 19530, c.Proxy.Port)
	require.Equal(t, 64<<20, c.Proxy.MaxRecvSize)
	require.Equal(t, 256<<20, c.Proxy.MaxSendSize)
	require.Equal(t, 16, c.Schema.MaxShards)
	require.Equal(t, int64(-1), c.Request.MaxInsertSize)
	require.Equal(t, int64(1<<30), c.Segment.MaxSize)
	require.Equal(t, NATSMQ, c.Log.Type)
	require.Zero(t, c.Log.NATS.Port)
	for _, e := range l.Entries() {
		require.True(t, strings.HasPrefix(e.Source, "built-in"), e.Key)
		require.True(t, e.Effect, e.Key)
	}
}

func TestMemoryLimit(t *testing.T) {
	for system, want := range map[int64]int64{
		0: 2 << 30, -1: 2 << 30, 1 << 30: 768 << 20, 64 << 20: 128 << 20,
	} {
		l, err := Load(Sources{SystemMemory: system})
		require.NoError(t, err)
		require.Equal(t, want, l.Config.MemoryLimit)
	}
	l, err := Load(Sources{SystemMemory: 1 << 30, Set: []string{"redkite.memoryLimit=4GiB"}})
	require.NoError(t, err)
	require.Equal(t, int64(4<<30), l.Config.MemoryLimit)
}

// standalone are the keys that a stock milvus.yaml has to change.
var standalone = map[string]string{
	"etcd.use.embed":     "true",
	"common.storageType": "local",
	"mq.type":            "natsmq",
}

// A file that names every key of Milvus at its default loads, but for the keys
// of a standalone.
func TestEveryDefaultLoads(t *testing.T) {
	keys, err := parseKeys(keysTSV)
	require.NoError(t, err)
	tree := map[string]any{}
	aliases := 0
	for _, k := range keys {
		if k.kind == kindGroup || k.kind == kindAlias {
			aliases++
			continue
		}
		value := k.defaults[0]
		if v, ok := standalone[k.name]; ok {
			value = v
		}
		at := tree
		parts := strings.Split(k.name, ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				if old, was := at[part]; was {
					next[""] = old
				}
				at[part] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = value
	}
	require.Greater(t, len(keys)-aliases, 1000)
	// A key that is also the start of others cannot be written in one file: the
	// value was kept under "" above, and is left out here.
	prune(tree)
	text, err := yaml.Marshal(tree)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "milvus.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	l, err := Load(Sources{File: path})
	require.NoError(t, err)
	require.Equal(t, 600*time.Second, l.Config.Segment.SyncPeriod)
	require.Greater(t, len(l.Entries()), 800)

	_, err = Load(Sources{File: path, Set: []string{"etcd.use.embed=false", "common.storageType=remote", "mq.type=rocksmq"}})
	for key := range standalone {
		require.ErrorContains(t, err, key)
	}
}

func prune(tree map[string]any) {
	delete(tree, "")
	for _, v := range tree {
		if sub, ok := v.(map[string]any); ok {
			prune(sub)
		}
	}
}

// stockEnv names stock milvus.yaml files of Milvus, separated as PATH is.
const stockEnv = "REDKITE_TEST_MILVUS_YAML"

func TestStockFiles(t *testing.T) {
	files := filepath.SplitList(os.Getenv(stockEnv))
	if len(files) == 0 {
		t.Skipf("%s names no milvus.yaml; TestEveryDefaultLoads covers the known keys", stockEnv)
	}
	for _, file := range files {
		_, err := Load(Sources{File: file})
		require.ErrorContains(t, err, "etcd.use.embed", file)
		require.ErrorContains(t, err, "common.storageType", file)
		require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 2, "%s: %v", file, err)
		for _, mq := range []string{"natsmq", "woodpecker", "default"} {
			_, err = Load(Sources{File: file, Set: []string{"etcd.use.embed=true", "common.storageType=local", "mq.type=" + mq}})
			require.NoError(t, err, file)
		}
	}
}

// Every accepted key is refused at a value that nobody has as a default, and
// the refusal gives a reason.
func TestEveryAcceptedKeyIsGuarded(t *testing.T) {
	tab, err := newTable(&Config{})
	require.NoError(t, err)
	for _, e := range tab.accepted {
		require.NotEmpty(t, e.ruling.reason, e.name)
		require.False(t, e.accepts("surprise"), e.name)
		require.True(t, e.accepts(""), e.name)
		err := e.refuse(assignment{key: e.name, value: "surprise", origin: "test"})
		if e.secret {
			require.NotContains(t, err.Error(), "surprise")
		}
		if e.ruling.only == nil {
			for _, d := range e.milvus.defaults {
				require.True(t, e.accepts(d), "%s = %s", e.name, d)
			}
		}
	}
}

// Each ruling applies to some key: a misspelt prefix would rule nothing.
func TestEveryRulingIsUsed(t *testing.T) {
	tab, err := newTable(&Config{})
	require.NoError(t, err)
	used := map[string]bool{}
	for _, e := range tab.accepted {
		used[e.ruling.prefix] = true
	}
	for _, g := range tab.groups {
		used[findRuling(rulings(), g.name).prefix] = true
	}
	for _, r := range rulings() {
		require.True(t, used[r.prefix], "ruling for %q applies to no key", r.prefix)
	}
}

// Ordinary variables of a shell or container must not be taken for settings.
func TestOrdinaryEnvironmentIsIgnored(t *testing.T) {
	var environ []string
	for _, name := range []string{"PATH", "HOME", "USER", "SHELL", "PWD", "LANG", "TERM", "HOSTNAME", "TZ", "TMPDIR",
		"GOPATH", "PYTHONPATH", "EDITOR", "LOGNAME", "MAIL", "DISPLAY", "PORT", "HOST", "DEBUG", "VERSION", "PROXY",
		"HTTP_PROXY", "NO_PROXY", "KUBERNETES_SERVICE_HOST", "MEM_LIMIT", "MILVUS_URI", "MILVUS_TOKEN"} {
		environ = append(environ, name+"=surprise")
	}
	_, err := Load(Sources{Environ: append(environ, "=C:=C:\\", "novalue", "")})
	require.NoError(t, err)
}

func TestFileProblems(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(Sources{File: filepath.Join(dir, "none.yaml")})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(Sources{File: dir})
	require.Error(t, err)
	long := filepath.Join(dir, "long.yaml")
	require.NoError(t, os.WriteFile(long, []byte(strings.Repeat("#\n", maxFile)), 0o600))
	_, err = Load(Sources{File: long})
	require.ErrorContains(t, err, "longer than 4MiB")
}

// A file of something else is refused soon, with a bounded error.
func TestManyProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.yaml")
	var b strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&b, "key%d: 1\n", i)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	_, err := Load(Sources{File: path})
	require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), maxProblems)
}

func TestMilvusVersion(t *testing.T) {
	require.Equal(t, "3.0.0+redkite."+Version, MilvusVersion())
}

func FuzzParseYAML(f *testing.F) {
	f.Add([]byte("proxy:\n  port: 1\n  list: [a, b]\nx: null\n"))
	f.Add([]byte("a: &x 1\nb: *x\n<<: {c: 1}\n"))
	f.Add([]byte("---\n- 1\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _ := parseYAML("x", text)
		for _, a := range got {
			if a.key == "" {
				t.Fatal("empty key")
			}
		}
	})
}
