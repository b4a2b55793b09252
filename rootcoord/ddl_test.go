package rootcoord

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v3/schemapb"
	"github.com/stretchr/testify/require"

	"github.com/redkite-db/redkite/internal/merr"
	"github.com/redkite-db/redkite/internal/role"
	"github.com/redkite-db/redkite/internal/schema"
)

// TestDDL runs the scripts of testdata: a line is a command, the answer is
// "ok", or code and text of the error.
//
//	create-database NAME [k=v...]           drop-database NAME        alter-database NAME [k=v...] [-k...]
//	create NAME [dim=N] [shards=N] [parts=a,b] [auto] [k=v...]        drop NAME     rename NAME NEW [db=DB]
//	add-field NAME FIELD [default=N] [at=VERSION]                     (an Int64)
//	alter NAME [k=v...] [-k...]             alter-field NAME FIELD [k=v...] [-k...] truncate NAME
//	partition NAME P                        drop-partition NAME P
//	alias NAME ALIAS                        alter-alias NAME ALIAS    drop-alias ALIAS
//	index NAME FIELD [name=I] [type=T] [k=v...]   drop-index NAME [I] alter-index NAME I [k=v...] [-k...]
//	load NAME [P...] [replicas=N]           release NAME [P...]
//	show NAME | fields NAME | list | databases | get-alias ALIAS | restart
//
// A name may be written db.name.
func TestDDL(t *testing.T) {
	datadriven.Walk(t, "testdata/ddl", func(t *testing.T, path string) {
		cfg := testConfig()
		if strings.Contains(path, "limits") {
			cfg.Limits = Limits{Databases: 2, Collections: 4, CollectionsPerDB: 3, Partitions: 3, Shards: 2, Capacity: 8}
		}
		l := startWith(t, cfg)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				if line = strings.TrimSpace(line); line != "" {
					fmt.Fprintln(&out, runLine(t, l.world, line))
				}
			}
			return out.String()
		})
	})
}

// args are the words of a line after the command.
type args struct {
	words []string          // bare ones
	pairs map[string]string // k=v
	drop  []string          // -k
}

func parse(line string) (string, args) {
	fields := strings.Fields(line)
	a := args{pairs: map[string]string{}}
	for _, f := range fields[1:] {
		switch {
		case strings.HasPrefix(f, "-"):
			a.drop = append(a.drop, f[1:])
		case strings.Contains(f, "="):
			k, v, _ := strings.Cut(f, "=")
			a.pairs[k] = v
		default:
			a.words = append(a.words, f)
		}
	}
	return fields[0], a
}

func (a args) word(i int) string {
	if i < len(a.words) {
		return a.words[i]
	}
	return ""
}

func (a args) ref() role.CollectionRef {
	if db, name, ok := strings.Cut(a.word(0), "."); ok {
		return role.CollectionRef{DB: db, Name: name}
	}
	return role.CollectionRef{Name: a.word(0)}
}

func (a args) take(key string) string {
	v := a.pairs[key]
	delete(a.pairs, key)
	return v
}

func (a args) set() []*commonpb.KeyValuePair {
	var out []*commonpb.KeyValuePair
	for k, v := range a.pairs {
		out = append(out, &commonpb.KeyValuePair{Key: k, Value: v})
	}
	slices.SortFunc(out, func(x, y *commonpb.KeyValuePair) int { return strings.Compare(x.Key, y.Key) })
	return out
}

func runLine(t *testing.T, w *world, line string) string {
	name, a := parse(line)
	switch name {
	case "restart":
		w.restart()
		return "ok"
	case "show", "fields", "list", "databases", "get-alias":
		return show(w.life.c, name, a)
	}
	cmd := toCommand(t, w.life.c, name, a)
	err := w.life.do(cmd)
	if err == nil {
		return "ok"
	}
	input := ""
	if merr.Status(err).ExtraInfo["is_input_error"] != "true" {
		input = " (not an input error)"
	}
	text := err.Error()
	if id := collectionID(w.life.c, a.ref()); id != "" {
		text = strings.ReplaceAll(text, id, "<id>")
	}
	return fmt.Sprintf("%d: %s%s", merr.NumberOf(err), text, input)
}

func collectionID(c *Coord, ref role.CollectionRef) string {
	info, err := c.Collection(context.Background(), ref)
	if err != nil {
		return ""
	}
	return strconv.FormatInt(info.ID, 10)
}

func toCommand(t *testing.T, c *Coord, name string, a args) role.Command {
	ref := a.ref()
	switch name {
	case "create-database":
		return role.CreateDatabase{Name: a.word(0), Properties: a.set()}
	case "drop-database":
		return role.DropDatabase{Name: a.word(0)}
	case "alter-database":
		return role.AlterDatabase{Name: a.word(0), Set: a.set(), Delete: a.drop}
	case "create":
		return toCreate(ref, a)
	case "drop":
		return role.DropCollection{CollectionRef: ref}
	case "rename":
		return role.RenameCollection{CollectionRef: ref, NewName: a.word(1), NewDB: a.take("db")}
	case "alter":
		return role.AlterCollection{CollectionRef: ref, Set: a.set(), Delete: a.drop}
	case "alter-field":
		return role.AlterField{CollectionRef: ref, Field: a.word(1), Set: a.set(), Delete: a.drop}
	case "add-field":
		return toAddField(c, ref, a)
	case "truncate":
		return role.Truncate{CollectionRef: ref}
	case "partition":
		return role.CreatePartition{CollectionRef: ref, Partition: a.word(1)}
	case "drop-partition":
		return role.DropPartition{CollectionRef: ref, Partition: a.word(1)}
	case "alias":
		return role.CreateAlias{CollectionRef: ref, Alias: a.word(1)}
	case "alter-alias":
		return role.AlterAlias{CollectionRef: ref, Alias: a.word(1)}
	case "drop-alias":
		return role.DropAlias{DB: ref.DB, Alias: ref.Name}
	case "index":
		x := &schema.Index{Name: a.take("name"), Type: a.take("type"), Metric: "L2"}
		x.UserType = x.Type
		x.UserParams = a.set()
		return role.CreateIndex{CollectionRef: ref, Field: a.word(1), Index: x}
	case "drop-index":
		return role.DropIndex{CollectionRef: ref, Index: a.word(1)}
	case "alter-index":
		return role.AlterIndex{CollectionRef: ref, Index: a.word(1), Set: a.set(), Delete: a.drop}
	case "load":
		replicas, _ := strconv.Atoi(a.take("replicas"))
		return role.Load{CollectionRef: ref, Partitions: a.words[1:], Replicas: int32(replicas)}
	case "release":
		return role.Release{CollectionRef: ref, Partitions: a.words[1:]}
	}
	t.Fatalf("no such command: %s", name)
	return nil
}

// toAddField adds a field to the collection as it is, or as it was at a version.
func toAddField(c *Coord, ref role.CollectionRef, a args) role.Command {
	f := &schema.Field{Name: a.word(1), Type: schema.Int64, Nullable: true}
	if n, err := strconv.ParseInt(a.take("default"), 10, 64); err == nil {
		f.Default = &schemapb.ValueField{Data: &schemapb.ValueField_LongData{LongData: n}}
	}
	checked := &schema.Collection{}
	if info, err := c.Collection(context.Background(), ref); err == nil {
		*checked = *info.Collection
	}
	if v, err := strconv.ParseInt(a.take("at"), 10, 64); err == nil {
		checked.Version = v
	}
	return role.AddField{CollectionRef: ref, Field: f, Checked: checked}
}

func toCreate(ref role.CollectionRef, a args) role.Command {
	coll := vectors(ref.Name)
	coll.Fields = append(coll.Fields, &schema.Field{Name: "text", Type: schema.VarChar, MaxLength: 100})
	if dim, err := strconv.Atoi(a.take("dim")); err == nil {
		coll.Fields[1].Dim = dim
	}
	if n, err := strconv.Atoi(a.take("shards")); err == nil {
		coll.Shards = int32(n)
	}
	var parts []string
	if p := a.take("parts"); p != "" {
		parts = strings.Split(p, ",")
	}
	if a.word(1) == "auto" {
		coll.Fields[0].AutoID = true
	}
	coll.Properties = a.set()
	return role.CreateCollection{DB: ref.DB, Collection: coll, Partitions: parts}
}

func show(c *Coord, what string, a args) string {
	ctx := context.Background()
	switch what {
	case "databases":
		list, _ := c.Databases(ctx)
		var out []string
		for _, d := range list {
			out = append(out, fmt.Sprintf("%s%s", d.Name, pairsText(d.Properties)))
		}
		return strings.Join(out, " ")
	case "list":
		list, err := c.Collections(ctx, a.word(0))
		if err != nil {
			return fmt.Sprintf("%d: %s", merr.NumberOf(err), err)
		}
		var out []string
		for _, info := range list {
			out = append(out, info.Name)
		}
		return strings.Join(out, " ")
	case "get-alias":
		al, err := c.Alias(ctx, "", a.word(0))
		if err != nil {
			return fmt.Sprintf("%d: %s", merr.NumberOf(err), err)
		}
		info, err := c.CollectionByID(ctx, al.Collection)
		if err != nil {
			return err.Error()
		}
		return info.Name
	}
	info, err := c.Collection(ctx, a.ref())
	if err != nil {
		return fmt.Sprintf("%d: %s", merr.NumberOf(err), err)
	}
	if what == "fields" {
		return describeFields(info)
	}
	return describe(info)
}

func describeFields(info *role.CollectionInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v%d", info.Version)
	for _, f := range info.Fields {
		fmt.Fprintf(&b, " %d:%s", f.ID, f.Name)
		if f.Default != nil {
			fmt.Fprintf(&b, "=%d", f.Default.GetLongData())
		}
	}
	return b.String()
}

func describe(info *role.CollectionInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s v%d", info.DBName, info.Name, info.Version)
	for _, p := range info.Partitions {
		fmt.Fprintf(&b, " /%s", p.Name)
	}
	for _, al := range info.Aliases {
		fmt.Fprintf(&b, " =%s", al)
	}
	for _, x := range info.Indexes {
		fmt.Fprintf(&b, " %s:%s(%s)%s", x.Name, x.Type, info.FieldByID(x.Field).Name, pairsText(x.UserParams))
	}
	if l := info.Load; l != nil {
		fmt.Fprintf(&b, " loaded all=%v parts=%d replicas=%d", l.All, len(l.Partitions), l.Replicas)
	}
	return b.String() + " " + pairsText(info.Properties)
}

func pairsText(pairs []*commonpb.KeyValuePair) string {
	if len(pairs) == 0 {
		return ""
	}
	var out []string
	for _, kv := range pairs {
		out = append(out, kv.Key+"="+kv.Value)
	}
	return "[" + strings.Join(out, " ") + "]"
}

func TestFieldIDsAndDescriptions(t *testing.T) {
	l := start(t)
	coll := vectors("c")
	coll.Fields = append(coll.Fields, &schema.Field{Name: schema.DynamicName, Type: schema.JSON, Dynamic: true, Nullable: true})
	coll.DynamicOn = true
	l.must(role.CreateCollection{Collection: coll})
	l = l.restart()
	info, err := l.c.Collection(t.Context(), ref("c"))
	require.NoError(t, err)
	for i, f := range info.Fields {
		require.Equal(t, schema.FirstFieldID+int64(i), f.ID)
	}
	v, _ := info.Property(keyMaxFieldID)
	require.Equal(t, "102", v)
	require.Equal(t, info.CreatedAt, info.UpdatedAt)
	require.True(t, info.DynamicOn)
}
