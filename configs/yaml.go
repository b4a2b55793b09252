package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDepth bounds how deep a file may nest.
const maxDepth = 32

// parseYAML flattens a file in the form of milvus.yaml: nested mappings become
// dotted keys, a list of plain values becomes a text with commas, and a key
// without a value counts as not set. Values keep the spelling of the file.
func parseYAML(name string, text []byte) ([]assignment, []error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, []error{&Problem{name, fmt.Sprintf("not YAML: %v", err)}}
	}
	p := yamlReader{file: name}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		p.problem(&doc, "more than one document")
	}
	for _, root := range doc.Content {
		switch {
		case root.Kind == yaml.MappingNode:
			p.mapping(root, nil)
		case root.Tag != "!!null":
			p.problem(root, "want keys with values at the top")
		}
	}
	return p.got, p.problems
}

type yamlReader struct {
	file     string
	got      []assignment
	problems []error
}

func (p *yamlReader) origin(n *yaml.Node) string { return fmt.Sprintf("%s:%d", p.file, n.Line) }

func (p *yamlReader) problem(n *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, &Problem{p.origin(n), fmt.Sprintf(format, args...)})
}

func (p *yamlReader) mapping(n *yaml.Node, path []string) {
	if len(path) >= maxDepth {
		p.problem(n, "nested deeper than %d", maxDepth)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" || key.Value == "" {
			p.problem(key, "a key must be plain text")
			continue
		}
		at := append(path[:len(path):len(path)], key.Value)
		switch value.Kind {
		case yaml.MappingNode:
			p.mapping(value, at)
		case yaml.ScalarNode:
			if value.Tag != "!!null" {
				p.add(key, at, value.Value)
			}
		case yaml.SequenceNode:
			p.sequence(key, at, value)
		default:
			p.problem(value, "%s: anchors and aliases are not supported", strings.Join(at, "."))
		}
	}
}

func (p *yamlReader) sequence(key *yaml.Node, at []string, n *yaml.Node) {
	var items []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			p.problem(item, "%s: want a list of plain values", strings.Join(at, "."))
			return
		}
		items = append(items, item.Value)
	}
	p.add(key, at, strings.Join(items, ","))
}

func (p *yamlReader) add(key *yaml.Node, at []string, value string) {
	p.got = append(p.got, assignment{strings.Join(at, "."), value, p.origin(key), levelFile})
}
