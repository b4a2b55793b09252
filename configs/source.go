package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Sources are where values come from; the later fields are the stronger.
type Sources struct {
	// SystemMemory is the memory that the process can have, in bytes, of which
	// the built-in memory limit is a share; 0 if unknown.
	SystemMemory int64
	// File is the path of a YAML file, "" for none.
	File string
	// Environ is the environment in the form of os.Environ.
	Environ []string
	// Set are key=value pairs of --set; of one key the last counts.
	Set []string
	// Flags are the dedicated flags that were given.
	Flags []Flag
}

// Flag is a dedicated flag of the command line that was given.
type Flag struct {
	// Name is the flag as the user knows it, such as --port.
	Name string
	// Key is the key that it sets.
	Key   string
	Value string
}

// level orders the sources; the larger is the stronger.
type level int

const (
	levelBuiltIn level = iota
	levelFile
	levelEnviron
	levelPrefixed // environment variables with the prefix MILVUS_CONF_
	levelSet
	levelFlag
)

// assignment is one value that a source gives a key.
type assignment struct {
	key    string
	value  string
	origin string
	level  level
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Origin tells where: a file and its line, a variable, a flag.
	Origin string
	// Text tells what, with key and value.
	Text string
}

func (p *Problem) Error() string { return p.Origin + ": " + p.Text }

// envPrefix marks environment variables that are meant for the server.
const envPrefix = "MILVUS_CONF_"

// envOnly are variables that Milvus reads under names that no key has.
func envOnly() map[string]struct{ key, only, reason string } {
	return map[string]struct{ key, only, reason string }{
		"METRICS_PORT":       {key: "common.MetricsPort"},
		"DEPLOY_MODE":        {only: "STANDALONE", reason: "there is only the standalone"},
		"LOCAL_STORAGE_SIZE": {reason: "a limit on local storage is not implemented in this version"},
		"MILVUSCONF":         {reason: "name the file with --config"},
	}
}

// readEnviron returns the assignments of the environment. Without the prefix
// only known names count; a variable that is empty counts as not set.
func readEnviron(t *table, environ []string) ([]assignment, []error) {
	var got []assignment
	var problems []error
	special := envOnly()
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if name == "" || value == "" {
			continue
		}
		origin := "environment " + name
		rest, prefixed := strings.CutPrefix(name, envPrefix)
		level := levelEnviron
		if prefixed {
			level = levelPrefixed
		}
		if s, ok := special[rest]; ok {
			switch {
			case s.key != "":
				got = append(got, assignment{s.key, value, origin, level})
			case s.only == "" || !strings.EqualFold(s.only, value):
				problems = append(problems, &Problem{origin, fmt.Sprintf("%q is refused: %s", value, s.reason)})
			}
			continue
		}
		if prefixed || t.byKey[normalize(rest)] != nil {
			got = append(got, assignment{rest, value, origin, level})
		}
	}
	// The environment has no order of its own; a fixed one gives fixed errors.
	slices.SortFunc(got, func(a, b assignment) int { return strings.Compare(a.origin, b.origin) })
	return got, problems
}

// readSet returns the assignments of --set.
func readSet(pairs []string) ([]assignment, []error) {
	var got []assignment
	var problems []error
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || strings.TrimSpace(key) == "" {
			problems = append(problems, &Problem{"--set", fmt.Sprintf("%q is not of the form key=value", pair)})
			continue
		}
		got = append(got, assignment{strings.TrimSpace(key), value, "--set", levelSet})
	}
	return got, problems
}

func readFlags(flags []Flag) []assignment {
	got := make([]assignment, 0, len(flags))
	for _, f := range flags {
		got = append(got, assignment{f.Key, f.Value, f.Name, levelFlag})
	}
	return got
}

// maxFile bounds the configuration file; Milvus's own has 110 KB.
const maxFile = 4 << 20

// readFile returns the assignments of a YAML file.
func readFile(path string) ([]assignment, []error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, []error{fmt.Errorf("configuration file: %w", err)}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, []error{fmt.Errorf("configuration file: %w", err)}
	}
	if len(text) > maxFile {
		return nil, []error{&Problem{path, fmt.Sprintf("longer than %s", formatSize(maxFile))}}
	}
	return parseYAML(path, text)
}
