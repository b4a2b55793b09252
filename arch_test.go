// Package redkite_test holds the checks that keep the tree in the shape which
// docs/architecture.md describes. The files are parsed, not listed with the go
// command, so that every build tag and platform is seen.
package redkite_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module       = "github.com/redkite-db/redkite"
	maxFileLines = 600
	maxFuncLines = 80
)

// roleLayer is the layer of the roles: they meet at internal/role, never by
// importing each other.
const roleLayer = 4

// wiring is the one package that may import adapters.
const wiring = "internal/server"

// rule is one row of the package table.
type rule struct {
	layer   int
	imports []string
}

// goFile is one parsed file of the module.
type goFile struct {
	name  string // slash-separated, from the root
	dir   string
	test  bool
	lines int
	ast   *ast.File
	fset  *token.FileSet
}

func (f *goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.fset.Position(n.Pos()).Line)
}

var tableRow = regexp.MustCompile("^\\| `([^`]+)` \\| ([0-9]) \\|[^|]*\\|([^|]*)\\|$")

// readTable reads the package table of docs/architecture.md. A name in the last
// column is a package of the table, with or without its "internal/".
func readTable(t *testing.T) map[string]rule {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	table, cells := map[string]rule{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		m := tableRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		if _, twice := table[m[1]]; twice {
			t.Errorf("docs/architecture.md: %s is listed twice", m[1])
		}
		table[m[1]] = rule{layer: int(m[2][0] - '0')}
		cells[m[1]] = m[3]
	}
	if len(table) == 0 {
		t.Fatal("docs/architecture.md has no package table")
	}
	for pkg, cell := range cells {
		r := table[pkg]
		for _, name := range strings.Fields(cell) {
			if _, ok := table[name]; !ok {
				name = "internal/" + name
			}
			if _, ok := table[name]; !ok {
				t.Errorf("docs/architecture.md: %s may import %s, which is not in the table", pkg, name)
			}
			r.imports = append(r.imports, name)
		}
		table[pkg] = r
	}
	return table
}

// parseTree parses every Go file of this module; other modules below the root,
// testdata and hidden folders are left out.
func parseTree(t *testing.T) []*goFile {
	t.Helper()
	var files []*goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipFolder(name, d.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if ast.IsGenerated(parsed) {
			return nil
		}
		slash := filepath.ToSlash(name)
		files = append(files, &goFile{
			name: slash, dir: path.Dir(slash), test: strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(src, []byte("\n")), ast: parsed, fset: fset,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func skipFolder(name, base string) error {
	if name == "." {
		return nil
	}
	if base == "testdata" || base == "bin" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// internalImports returns the packages of this module that the file imports.
func (f *goFile) internalImports() []string {
	var out []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if rest, ok := strings.CutPrefix(p, module+"/"); ok {
			out = append(out, rest)
		}
	}
	return out
}

// notAdapters stand beside the adapters of a port: one builds on the port, the
// others are parts that several adapters have in common.
var notAdapters = []string{"mq/stream", "mq/appendq", "mq/cutfile"}

// isAdapter says whether the package implements a port.
func isAdapter(pkg string) bool {
	parent, _, nested := strings.Cut(pkg, "/")
	return nested && slices.Contains([]string{"mq", "objectstore", "meta"}, parent) && !slices.Contains(notAdapters, pkg)
}

func role(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// TestPackageTable: the table names exactly the packages that exist.
func TestPackageTable(t *testing.T) {
	table := readTable(t)
	exists := map[string]bool{}
	for _, f := range parseTree(t) {
		if f.test {
			continue
		}
		if _, ok := table[f.dir]; !ok && !exists[f.dir] {
			t.Errorf("package %s is not in the table of docs/architecture.md", f.dir)
		}
		exists[f.dir] = true
	}
	for pkg := range table {
		if !exists[pkg] {
			t.Errorf("docs/architecture.md lists %s, which does not exist", pkg)
		}
	}
}

// TestImports: a package imports what its row names, of its own layer or a
// lower one. A test may also use whatever is not above it (in-memory ports,
// real adapters), save another role.
func TestImports(t *testing.T) {
	table := readTable(t)
	for pkg, r := range table {
		for _, imp := range r.imports {
			if table[imp].layer > r.layer {
				t.Errorf("docs/architecture.md: %s (layer %d) may not import %s (layer %d)", pkg, r.layer, imp, table[imp].layer)
			}
		}
	}
	for _, f := range parseTree(t) {
		own, listed := table[f.dir]
		for _, imp := range f.internalImports() {
			if why := refuse(table, f, own, listed, imp); why != "" {
				t.Errorf("%s imports %s: %s", f.name, imp, why)
			}
		}
	}
}

// refuse says why the file may not import the package, "" if it may.
func refuse(table map[string]rule, f *goFile, own rule, listed bool, imp string) string {
	to, ok := table[imp]
	switch {
	case !ok:
		return "not in the table"
	case imp == f.dir: // a test in package x_test
		return ""
	case !listed && f.test: // a test of the whole, beside no package
		return ""
	case own.layer == roleLayer && to.layer == roleLayer && role(imp) != role(f.dir):
		return "a role never imports another role"
	case to.layer > own.layer:
		return fmt.Sprintf("layer %d is above layer %d", to.layer, own.layer)
	case f.test:
		return ""
	case isAdapter(imp) && f.dir != wiring:
		return "only " + wiring + " imports adapters"
	case !slices.Contains(own.imports, imp):
		return "the table does not name it"
	}
	return ""
}

// TestPackageComments: every package says what it holds, in one file.
func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, f := range parseTree(t) {
		if f.test {
			continue
		}
		comments[f.dir] += 0
		if doc := f.ast.Doc.Text(); doc != "" {
			comments[f.dir]++
			want := "Package " + f.ast.Name.Name + " "
			if f.ast.Name.Name == "main" {
				want = "Command " + path.Base(f.dir) + " "
			}
			if !strings.HasPrefix(doc, want) {
				t.Errorf("%s: the package comment begins with %q", f.name, want)
			}
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want 1", dir, n)
		}
	}
}

// TestSizes: files and functions that a reader can hold in mind.
func TestSizes(t *testing.T) {
	for _, f := range parseTree(t) {
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d", f.name, f.lines, maxFileLines)
		}
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, at most %d", f.at(fn), fn.Name.Name, n, maxFuncLines)
			}
		}
	}
}

var emptyNames = regexp.MustCompile(`^(util|utils|common|commons|helper|helpers|misc|shared)$`)

// TestNames: no package is named after nothing, no function runs by itself.
func TestNames(t *testing.T) {
	for _, f := range parseTree(t) {
		base := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.name), ".go"), "_test")
		if emptyNames.MatchString(f.ast.Name.Name) || emptyNames.MatchString(base) {
			t.Errorf("%s: name the package or file after what it holds", f.name)
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: no init function: build it where it is used and pass it on", f.at(fn))
			}
		}
	}
}

var codeName = regexp.MustCompile("`([a-z]+)\\.([A-Z][A-Za-z]*(?:\\.[A-Z][A-Za-z]*)?)`")

// TestDocumentNamesCode: what docs/architecture.md calls `pkg.Type`,
// `pkg.Func` or `pkg.Type.Method` is there.
func TestDocumentNamesCode(t *testing.T) {
	packages, declared := map[string]bool{}, map[string]bool{}
	for _, f := range parseTree(t) {
		if f.test {
			continue
		}
		pkg := f.ast.Name.Name
		packages[pkg] = true
		for _, name := range declarations(f.ast) {
			declared[pkg+"."+name] = true
		}
	}
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range codeName.FindAllStringSubmatch(string(text), -1) {
		if name := m[1] + "." + m[2]; packages[m[1]] && !declared[name] {
			t.Errorf("docs/architecture.md names %s, which is not declared", name)
		}
	}
}

// declarations returns the names of a file's types and functions, methods as
// Type.Method.
func declarations(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok {
					names = append(names, ts.Name.Name)
				}
			}
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil && len(d.Recv.List) == 1 {
				recv := d.Recv.List[0].Type
				if star, ok := recv.(*ast.StarExpr); ok {
					recv = star.X
				}
				if id, ok := recv.(*ast.Ident); ok {
					name = id.Name + "." + name
				}
			}
			names = append(names, name)
		}
	}
	return names
}

// TestNoGlobals: a package-level variable is a value fixed at its declaration
// (an error, a table, a compiled pattern); nothing assigns to it later.
func TestNoGlobals(t *testing.T) {
	byDir := map[string][]*goFile{}
	for _, f := range parseTree(t) {
		if !f.test {
			byDir[f.dir] = append(byDir[f.dir], f)
		}
	}
	for _, files := range byDir {
		vars := map[string]bool{}
		for _, f := range files {
			for _, spec := range packageVars(f) {
				if len(spec.Values) == 0 {
					t.Errorf("%s: a package-level variable needs its value at the declaration", f.at(spec))
				}
				for _, name := range spec.Names {
					vars[name.Name] = name.Name != "_"
				}
			}
		}
		for _, f := range files {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					for _, n := range globalWrites(fn, vars) {
						t.Errorf("%s: assigns to a package-level variable", f.at(n))
					}
				}
			}
		}
	}
}

// embedded says whether the go:embed directive gives the variable its value.
func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// packageVars returns the package-level variables that the code gives a value.
func packageVars(f *goFile) []*ast.ValueSpec {
	var out []*ast.ValueSpec
	for _, d := range f.ast.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				if vs, ok := s.(*ast.ValueSpec); ok && !embedded(g.Doc) && !embedded(vs.Doc) {
					out = append(out, vs)
				}
			}
		}
	}
	return out
}

// globalWrites returns the statements of fn that write to one of the names,
// unless fn declares that name itself.
func globalWrites(fn *ast.FuncDecl, vars map[string]bool) []ast.Node {
	local := declaredNames(fn)
	var out []ast.Node
	check := func(at ast.Node, target ast.Expr) {
		for {
			switch x := target.(type) {
			case *ast.IndexExpr:
				target = x.X
				continue
			case *ast.StarExpr:
				target = x.X
				continue
			case *ast.ParenExpr:
				target = x.X
				continue
			case *ast.Ident:
				if vars[x.Name] && !local[x.Name] {
					out = append(out, at)
				}
			}
			return
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, lhs := range n.Lhs {
					check(n, lhs)
				}
			}
		case *ast.IncDecStmt:
			check(n, n.X)
		}
		return true
	})
	return out
}

// declaredNames returns every name that fn declares: receiver, parameters,
// results, and whatever its body declares at any depth.
func declaredNames(fn *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	add := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			names[id.Name] = true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, lhs := range n.Lhs {
					add(lhs)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return names
}
