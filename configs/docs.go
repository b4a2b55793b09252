package configs

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// docsHead is the part of the documentation that is not a table.
const docsHead = `# Configuration

<!-- Generated from the package configs: go test ./configs -run TestDocs -update -->

Values come from these places, the later the stronger:

1. the defaults below, which are those of a standalone with everything embedded;
2. the YAML file of ` + "`--config FILE`" + `, with the keys of Milvus's milvus.yaml;
3. the environment;
4. ` + "`--set key=value`" + `, for any key, repeatable;
5. dedicated flags such as ` + "`--port`" + `.

` + "`redkite config`" + ` prints the effective values and where each came from; secrets are
hidden.

**Keys.** They are compared without regard to case and to "/", "_" and ".", as
Milvus does. An unknown key is an error that names the nearest known one. A key
may not stand twice in a file. A key without a value counts as not set.

**Environment.** ` + "`proxy.maxNameLength`" + ` is ` + "`PROXY_MAXNAMELENGTH`" + ` or
` + "`PROXY_MAX_NAME_LENGTH`" + `, or ` + "`MILVUS_CONF_PROXY_MAXNAMELENGTH`" + `, which is stronger.
Without the prefix only known names count; with it an unknown name is an error. An
empty variable counts as not set. Kubernetes sets ` + "`MINIO_PORT=tcp://…`" + ` beside a service
called minio; ` + "`MILVUS_CONF_MINIO_PORT=9000`" + ` overrules it.
Milvus also reads ` + "`METRICS_PORT`" + ` (common.MetricsPort), ` + "`DEPLOY_MODE`" + ` (STANDALONE is
accepted), ` + "`LOCAL_STORAGE_SIZE`" + ` and ` + "`MILVUSCONF`" + ` (both refused).

**Values.** Sizes take K, M, G and T, of 1024, with B or iB behind. Durations take ns,
us, ms, s, m and h. Booleans are true and false. Only the value that counts is
checked, so a flag can mend a file.

## Honoured keys

`

// docsAccepted introduces the accepted keys.
const docsAccepted = `## Accepted keys

Milvus knows these keys and this version does nothing with them. Each may stand at
the values given, Milvus's default among them, and is refused at any other, with the
reason: a server that ignores what it was told does not start. So a stock milvus.yaml
of Milvus 2.6 loads once it says ` + "`etcd.use.embed: true`" + `, ` + "`common.storageType: local`" + `
and a ` + "`mq.type`" + ` that this build has. An empty value is always accepted.

`

// Docs writes the documentation of all keys in Markdown.
func Docs(w io.Writer) error {
	t, err := newTable(&Config{})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(docsHead)
	for _, sec := range t.sections {
		fmt.Fprintf(&b, "### %s\n\n| Key | Default | Values | |\n|---|---|---|---|\n", sec.title)
		for i := range sec.settings {
			if err := docsSetting(&b, t, &sec.settings[i]); err != nil {
				return err
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(docsAccepted)
	t.docsAccepted(&b)
	_, err = w.Write(b.Bytes())
	return err
}

// docsSetting writes the row of an honoured key.
func docsSetting(b *bytes.Buffer, t *table, s *setting) error {
	def := "3/4 of the memory of the machine or control group"
	if s.key != memoryLimitKey {
		if err := s.parse(s.def); err != nil {
			return fmt.Errorf("configs: default of %s: %w", s.key, err)
		}
		def = code(s.show())
	}
	if m := t.byKey[normalize(s.key)].milvus; m != nil && !sameDefault(s, m.defaults[0]) {
		def += "; Milvus: " + code(m.defaults[0])
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", s.key, def, cell(s.expects), cell(s.help))
	return nil
}

// sameDefault reports whether Milvus's default is the stored one.
func sameDefault(s *setting, milvus string) bool {
	ours := s.show()
	return s.parse(milvus) == nil && s.show() == ours
}

// docsAccepted writes the accepted keys by the reason that they have in common.
func (t *table) docsAccepted(b *bytes.Buffer) {
	byReason := map[string][]string{}
	for _, e := range t.accepted {
		var values string
		switch ok := e.accepted(); {
		case e.secret:
			values = "Milvus's default"
		case len(ok) == 0:
			values = "empty"
		default:
			for i := range ok {
				ok[i] = code(ok[i])
			}
			values = strings.Join(ok, " or ")
		}
		byReason[e.ruling.reason] = append(byReason[e.ruling.reason], fmt.Sprintf("| `%s` | %s |", e.name, values))
	}
	for _, g := range t.groups {
		reason := findRuling(rulings(), g.name).reason
		byReason[reason] = append(byReason[reason], fmt.Sprintf("| `%s*` | others: never |", g.name))
	}
	reasons := make([]string, 0, len(byReason))
	for r := range byReason {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(b, "### %s%s\n\n| Key | Accepted |\n|---|---|\n", strings.ToUpper(r[:1]), r[1:])
		rows := byReason[r]
		slices.SortFunc(rows, func(x, y string) int { return strings.Compare(strings.ToLower(x), strings.ToLower(y)) })
		b.WriteString(strings.Join(rows, "\n") + "\n\n")
	}
}

// code quotes a value for a table.
func code(value string) string {
	if value == "" {
		return "empty"
	}
	return "`" + cell(value) + "`"
}

// cell makes text fit one cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
