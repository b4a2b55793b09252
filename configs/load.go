package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Loaded is a configuration with what is known of where it came from.
type Loaded struct {
	// Config is the effective configuration.
	Config Config
	// entries are what Entries returns.
	entries []Entry
}

// Entry is the effective value of one key, for display.
type Entry struct {
	// Key is the key in Milvus's spelling.
	Key string
	// Value is the value, Hidden in the place of a secret.
	Value string
	// Source tells where it came from: built-in, a file and its line, an
	// environment variable, or a flag.
	Source string
	// Effect is false for a key that is accepted and does nothing.
	Effect bool
}

// Hidden is shown in the place of a secret.
const Hidden = "(hidden)"

// Entries returns the honoured keys in the order of the documentation, then the
// accepted ones that a source names.
func (l *Loaded) Entries() []Entry { return slices.Clone(l.entries) }

// Load reads the sources and returns the effective configuration. Its error
// joins one *Problem for each thing that is wrong: an unknown key, a value that
// is not of its key's type or range, a key that is not implemented at a value
// that asks for it. Values that a stronger source replaces are not judged.
func Load(s Sources) (*Loaded, error) {
	l := &Loaded{}
	t, err := newTable(&l.Config)
	if err != nil {
		return nil, err
	}
	var all []assignment
	var problems []error
	for _, read := range []func() ([]assignment, []error){
		func() ([]assignment, []error) { return readFile(s.File) },
		func() ([]assignment, []error) { return readEnviron(t, s.Environ) },
		func() ([]assignment, []error) { return readSet(s.Set) },
		func() ([]assignment, []error) { return readFlags(s.Flags), nil },
	} {
		got, wrong := read()
		all, problems = append(all, got...), append(problems, wrong...)
	}
	chosen, wrong := t.choose(all)
	problems = append(problems, wrong...)
	problems = append(problems, l.apply(t, chosen, s.SystemMemory)...)
	if len(problems) == 0 {
		problems = l.Config.check()
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return l, nil
}

// maxProblems bounds what is reported of a file that is something else; the
// nearest key of an unknown one takes a while to find.
const maxProblems = 20

// choose keeps the strongest assignment of each key.
func (t *table) choose(all []assignment) (map[*entry]assignment, []error) {
	chosen := make(map[*entry]assignment)
	var problems []error
	for _, a := range all {
		if len(problems) == maxProblems {
			break
		}
		e := t.byKey[normalize(a.key)]
		if e == nil {
			problems = append(problems, t.unknown(a))
			continue
		}
		old, ok := chosen[e]
		switch {
		case ok && old.level > a.level:
		case ok && old.level == a.level && (a.level == levelFile || a.level != levelSet && old.value != a.value):
			problems = append(problems, &Problem{a.origin, fmt.Sprintf("%s is set already, by %s", e.name, old.origin)})
		default:
			chosen[e] = a
		}
	}
	return chosen, problems
}

// unknown is the problem of a key without an entry.
func (t *table) unknown(a assignment) error {
	if g := t.group(a.key); g != "" {
		return &Problem{a.origin, fmt.Sprintf("%s is refused: %s", a.key, findRuling(rulings(), g).reason)}
	}
	return &Problem{a.origin, fmt.Sprintf("unknown key %q; the nearest known key is %s", a.key, t.nearest(a.key))}
}

// apply sets the fields of the Config and the entries.
func (l *Loaded) apply(t *table, chosen map[*entry]assignment, memory int64) []error {
	var problems []error
	for _, sec := range t.sections {
		for i := range sec.settings {
			s := &sec.settings[i]
			a, given := chosen[t.byKey[normalize(s.key)]]
			if !given {
				a = assignment{s.key, s.def, "built-in", levelBuiltIn}
			}
			if !given && s.key == memoryLimitKey {
				a.origin = l.defaultMemory(memory)
			} else if err := s.parse(a.value); err != nil {
				problems = append(problems, s.problem(a, err))
				continue
			}
			l.entries = append(l.entries, Entry{Key: s.key, Value: s.show(), Source: a.origin, Effect: true})
		}
	}
	for _, e := range t.accepted {
		a, given := chosen[e]
		if !given {
			continue
		}
		if !e.accepts(a.value) {
			problems = append(problems, e.refuse(a))
			continue
		}
		value := a.value
		if e.secret {
			value = Hidden
		}
		l.entries = append(l.entries, Entry{Key: e.name, Value: value, Source: a.origin})
	}
	return problems
}

// Memory that the process plans for without a limit of its own.
const (
	unknownMemory = 2 * gib // nothing is known of the machine
	leastMemory   = 128 * mib
)

// defaultMemory sets the built-in memory limit and returns where it came from.
func (l *Loaded) defaultMemory(system int64) string {
	if system <= 0 {
		l.Config.MemoryLimit = unknownMemory
		return "built-in: the machine's memory is unknown"
	}
	l.Config.MemoryLimit = max(system/4*3, leastMemory)
	return "built-in: 3/4 of " + formatSize(system>>20<<20)
}

// problem words what is wrong with an honoured key's value.
func (s *setting) problem(a assignment, err error) error {
	var why refusal
	if errors.As(err, &why) {
		return &Problem{a.origin, fmt.Sprintf("%s = %q is refused: %s", s.key, a.value, string(why))}
	}
	return &Problem{a.origin, fmt.Sprintf("%s = %q: want %s", s.key, a.value, s.expects)}
}

// refuse words why an accepted key cannot have a value.
func (e *entry) refuse(a assignment) error {
	value, ok := fmt.Sprintf("%q", a.value), strings.Join(e.accepted(), " or ")
	if e.secret {
		value, ok = Hidden, ""
	}
	if ok == "" {
		ok = "Milvus's default"
	}
	return &Problem{a.origin, fmt.Sprintf("%s = %s is refused: %s (accepted: %s)", e.name, value, e.ruling.reason, ok)}
}

// check looks at values that are right alone and wrong together.
func (c *Config) check() []error {
	var problems []error
	conflict := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, &Problem{"configuration", fmt.Sprintf(format, args...)})
		}
	}
	conflict(c.MetricsPort == c.Proxy.Port,
		"proxy.port and common.MetricsPort are both %d", c.Proxy.Port)
	conflict(c.Log.Type == NATSMQ && c.Log.NATS.Port > 0 && (c.Log.NATS.Port == c.Proxy.Port || c.Log.NATS.Port == c.MetricsPort),
		"natsmq.server.port is %d, which another port has", c.Log.NATS.Port)
	conflict(c.Memory.SealUntil > c.Memory.SealAbove,
		"streaming.flush.growingSegmentBytesLwmThreshold = %g is above growingSegmentBytesHwmThreshold = %g",
		c.Memory.SealUntil, c.Memory.SealAbove)
	conflict(c.Memory.SealAbove > c.Memory.StopWrites,
		"streaming.flush.growingSegmentBytesHwmThreshold = %g is above redkite.memory.stopWrites = %g",
		c.Memory.SealAbove, c.Memory.StopWrites)
	conflict(c.Schema.MaxVectorFields > c.Schema.MaxFields,
		"proxy.maxVectorFieldNum = %d is above proxy.maxFieldNum = %d", c.Schema.MaxVectorFields, c.Schema.MaxFields)
	conflict(c.Log.Type == WoodpeckerMQ && c.Log.Woodpecker.MaxFileStore < 4*c.Log.Woodpecker.SegmentSize,
		"redkite.woodpecker.maxFileStore = %s is less than four files of woodpecker.client.segmentRollingPolicy.maxSize = %s",
		formatSize(c.Log.Woodpecker.MaxFileStore), formatSize(c.Log.Woodpecker.SegmentSize))
	return problems
}
