package natsmq

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/base"
	"github.com/redkite-db/redkite/mq"
)

// childVariable makes the test program append to the log in the directory
// that it names, and say what was confirmed.
const childVariable = "NATSMQ_TEST_CHILD"

// TestChild appends in the term, with so many under way, until the limit.
func TestChild(t *testing.T) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		t.Skip("runs only as a child of other tests")
	}
	number := func(name string) int {
		n, err := strconv.Atoi(os.Getenv(childVariable + name))
		require.NoError(t, err)
		return n
	}
	term, window, limit := number("_TERM"), number("_WINDOW"), number("_LIMIT")
	l := openLog(t, Config{Dir: dir})
	a, _, err := l.Open(t.Context(), testChannel, int64(term))
	require.NoError(t, err)
	var under []mq.Pending
	for i := 1; i <= limit; i++ {
		under = append(under, a.Append([][]byte{fmt.Appendf(nil, "%d.%d:%s", term, i, strings.Repeat("x", i*7919%20000))}))
		if len(under) == window {
			_, err := under[0].Wait()
			require.NoError(t, err)
			fmt.Println("CONFIRMED", i-window+1)
			under = under[1:]
		}
	}
	require.NoError(t, l.Close())
}

func child(t *testing.T, wrap []string, dir string, term, window, limit int) *exec.Cmd {
	args := append(wrap, os.Args[0], "-test.run", "^TestChild$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	for name, n := range map[string]int{"_TERM": term, "_WINDOW": window, "_LIMIT": limit} {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s%s=%d", childVariable, name, n))
	}
	return cmd
}

func confirmed(line string) (int, bool) {
	n, ok := strings.CutPrefix(line, "CONFIRMED ")
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(n)
	return i, err == nil
}

// A process is killed at any moment, several times in a row: what it said is
// confirmed is there, in order, and nothing twice.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var before []string // what the log must begin with
	for term := 10; term <= 50; term += 10 {
		cmd := child(t, nil, dir, term, 8, 1<<30)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		last := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, ok := confirmed(lines.Text()); ok {
				if last = n; n == term*3 {
					require.NoError(t, cmd.Process.Kill())
				}
			}
		}
		require.Error(t, cmd.Wait())
		require.GreaterOrEqual(t, last, term*3)

		l := openLog(t, Config{Dir: dir})
		_, end, err := l.Open(t.Context(), testChannel, int64(term+1))
		require.NoError(t, err)
		got := readTo(t, l, end)
		require.NoError(t, l.Close())
		require.GreaterOrEqual(t, len(got), len(before)+1+last+1)
		require.True(t, slices.Equal(before, got[:len(before)]))
		for i, data := range got[len(before)+1 : len(got)-1] {
			require.True(t, strings.HasPrefix(data, fmt.Sprintf("%d.%d:", term, i+1)), "%.20s", data)
		}
		before = got
	}
}

func readTo(t testing.TB, l *Log, last base.Position) (got []string) {
	sub, err := l.Subscribe(t.Context(), testChannel, base.Position{})
	require.NoError(t, err)
	defer sub.Close()
	for {
		rec, err := sub.Next(t.Context())
		require.NoError(t, err)
		got = append(got, string(rec.Data))
		if rec.Position == last {
			return got
		}
	}
}

var (
	openCall   = regexp.MustCompile(`openat\([^"]*"([^"]*)".* = (\d+)`)
	fileCall   = regexp.MustCompile(`(pwrite64|fsync|fdatasync)\((\d+)`)
	resumeCall = regexp.MustCompile(`<\.\.\. (\w+) resumed>.* = (\d+)`)
	sayCall    = regexp.MustCompile(`write\(1, "CONFIRMED (\d+)`)
)

// calls follows a trace of system calls and finds what was written to block
// files and not synced when an append was confirmed.
type calls struct {
	blocks  map[string]string // descriptor to name
	dirty   map[string]bool   // descriptors
	pending map[string]string // process to the descriptor it syncs or opens
	dirs    int               // syncs of the directory
	said    int
}

func (c *calls) line(t *testing.T, line string) {
	process, rest, _ := strings.Cut(line, " ")
	if m := openCall.FindStringSubmatch(rest); m != nil {
		c.opened(m[1], m[2])
	} else if strings.Contains(rest, "openat(") && strings.Contains(rest, "unfinished") {
		if name := regexp.MustCompile(`"([^"]*)"`).FindStringSubmatch(rest); name != nil {
			c.pending[process] = name[1]
		}
	} else if m := fileCall.FindStringSubmatch(rest); m != nil {
		switch {
		case m[1] == "pwrite64":
			c.dirty[m[2]] = c.blocks[m[2]] != ""
		case strings.Contains(rest, "unfinished"):
			c.pending[process] = m[2]
		default:
			c.synced(m[2])
		}
	} else if m := resumeCall.FindStringSubmatch(rest); m != nil {
		switch m[1] {
		case "openat":
			c.opened(c.pending[process], m[2])
		case "fsync", "fdatasync":
			c.synced(c.pending[process])
		}
	} else if m := sayCall.FindStringSubmatch(rest); m != nil {
		c.said++
		for fd, dirty := range c.dirty {
			require.False(t, dirty, "%s was not synced before append %s was confirmed", c.blocks[fd], m[1])
		}
	}
}

func (c *calls) opened(name, fd string) {
	delete(c.dirty, fd)
	c.blocks[fd] = ""
	if strings.HasSuffix(name, blockSuffix) || strings.HasSuffix(name, "/msgs") {
		c.blocks[fd] = name
	}
}

func (c *calls) synced(fd string) {
	c.dirty[fd] = false
	if strings.HasSuffix(c.blocks[fd], "/msgs") {
		c.dirs++
	}
}

// JetStream opens its files itself, so that no file system of ours is in
// between; the system calls tell that each append is synced before it is
// confirmed.
func TestSyncBeforeConfirmation(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	trace := t.TempDir() + "/trace"
	cmd := child(t, []string{strace, "-f", "-qq", "-e", "trace=openat,pwrite64,fsync,fdatasync,write", "-o", trace}, t.TempDir(), 1, 1, 30)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skip("tracing is not allowed here")
		}
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(trace)
	require.NoError(t, err)
	c := calls{blocks: map[string]string{}, dirty: map[string]bool{}, pending: map[string]string{}}
	for _, line := range strings.Split(string(data), "\n") {
		c.line(t, line)
	}
	require.Equal(t, 30, c.said)
	require.Positive(t, c.dirs, "the names of block files are synced")
}
