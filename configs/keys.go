package configs

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// keysTSV lists the keys of Milvus, one a line: key, kind, default and further
// defaults that some release from 2.5 to 3.0 had, separated by tabs. A group is
// written as its prefix and ".*", an alias with the key that it stands for in
// the place of the default. Red Kite's own keys are not in it.
//
//go:embed keys.tsv
var keysTSV string

// milvusKey is one line of keys.tsv.
type milvusKey struct {
	name     string
	kind     kind
	defaults []string // the first is that of the newest 2.6
	// aliasOf is the key that an alias stands for.
	aliasOf string
}

// parseKeys parses keys.tsv.
func parseKeys(text string) ([]milvusKey, error) {
	keys := make([]milvusKey, 0, strings.Count(text, "\n"))
	line := 0
	for row := range strings.Lines(text) {
		line++
		f := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(f) < 3 || f[0] == "" {
			return nil, fmt.Errorf("keys.tsv:%d: want key, kind and default", line)
		}
		k := milvusKey{name: f[0], kind: kind(f[1]), defaults: f[2:]}
		switch k.kind {
		case kindBool, kindInt, kindFloat, kindSize, kindDuration, kindString, kindSecret:
		case kindGroup:
			prefix, ok := strings.CutSuffix(k.name, "*")
			if !ok || !strings.HasSuffix(prefix, ".") {
				return nil, fmt.Errorf("keys.tsv:%d: a group ends in .*", line)
			}
			k.name, k.defaults = prefix, nil
		case kindAlias:
			k.aliasOf, k.defaults = f[2], nil
		default:
			return nil, fmt.Errorf("keys.tsv:%d: unknown kind %q", line, f[1])
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// normalize brings a key to the form in which keys are compared: lower case,
// without a leading "milvus." and without "/", "_" and ".".
func normalize(key string) string {
	key = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(key)), "milvus.")
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, key)
}

// entry is what is known of one key.
type entry struct {
	name   string
	secret bool
	// honoured is the key's setting, nil for an accepted key.
	honoured *setting
	// milvus is the key in Milvus, nil for one of Red Kite's own.
	milvus *milvusKey
	ruling ruling
}

// accepts reports whether an accepted key may have the value. An empty value
// is none at all.
func (e *entry) accepts(value string) bool {
	return strings.TrimSpace(value) == "" ||
		slices.ContainsFunc(e.accepted(), func(ok string) bool { return e.milvus.kind.same(ok, value) })
}

// accepted lists the values that an accepted key may have.
func (e *entry) accepted() []string {
	if e.ruling.only != nil {
		return e.ruling.only
	}
	var values []string
	for _, v := range append(slices.Clone(e.milvus.defaults), e.ruling.also...) {
		if v != "" && !slices.ContainsFunc(values, func(have string) bool { return e.milvus.kind.same(have, v) }) {
			values = append(values, v)
		}
	}
	return values
}

// table is all that is known of keys, bound to one Config.
type table struct {
	sections []section
	// byKey finds an entry by its normalized key or alias.
	byKey map[string]*entry
	// accepted lists the accepted keys in the order of keys.tsv.
	accepted []*entry
	// groups are the normalized prefixes of free-form keys, with their names.
	groups []milvusKey
}

// newTable joins keys.tsv and the settings of c.
func newTable(c *Config) (*table, error) {
	keys, err := parseKeys(keysTSV)
	if err != nil {
		return nil, err
	}
	t := &table{sections: sections(c), byKey: make(map[string]*entry, len(keys)+32)}
	for i := range t.sections {
		for j := range t.sections[i].settings {
			s := &t.sections[i].settings[j]
			if err := t.add(s.key, &entry{name: s.key, honoured: s}); err != nil {
				return nil, err
			}
		}
	}
	all := rulings()
	for i := range keys {
		k := &keys[i]
		switch k.kind {
		case kindAlias:
			continue // below: the key that it stands for may come later
		case kindGroup:
			t.groups = append(t.groups, *k)
			continue
		}
		if e := t.byKey[normalize(k.name)]; e != nil && e.honoured != nil && e.milvus == nil {
			e.milvus = k
			continue
		}
		e := &entry{name: k.name, secret: k.kind == kindSecret, milvus: k, ruling: findRuling(all, k.name)}
		if err := t.add(k.name, e); err != nil {
			return nil, err
		}
		t.accepted = append(t.accepted, e)
	}
	for i := range keys {
		if keys[i].kind != kindAlias {
			continue
		}
		e := t.byKey[normalize(keys[i].aliasOf)]
		if e == nil {
			return nil, fmt.Errorf("keys.tsv: %s stands for %s, which is not a key", keys[i].name, keys[i].aliasOf)
		}
		if err := t.add(keys[i].name, e); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *table) add(key string, e *entry) error {
	n := normalize(key)
	if old := t.byKey[n]; old != nil {
		return fmt.Errorf("configs: keys %s and %s are the same", old.name, key)
	}
	t.byKey[n] = e
	return nil
}

// group returns the free-form group that a key belongs to, "" if none.
func (t *table) group(key string) string {
	key = strings.ToLower(key)
	for _, g := range t.groups {
		if prefix := strings.ToLower(g.name); strings.HasPrefix(key, prefix) && len(key) > len(prefix) {
			return g.name
		}
	}
	return ""
}

// nearest returns the known key that is most like the given one.
func (t *table) nearest(key string) string {
	names := make([]string, 0, len(t.byKey))
	for _, e := range t.byKey {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return Nearest(key, names)
}
