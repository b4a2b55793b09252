// Command thirdparty prints the modules that the Red Kite binary links, each
// with the licence that its own files name, and the notices that Apache-2.0
// asks to pass on. It fails on a licence that it does not know.
//
// It reads "path version directory" lines from standard input.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(1)
	}
}

type module struct {
	path, version, licence, notice string
}

func run() error {
	var modules []module
	var wrong []error
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f := strings.Fields(in.Text())
		if len(f) != 3 {
			return fmt.Errorf("want \"path version directory\", got %q", in.Text())
		}
		m, err := read(f[0], f[1], f[2])
		wrong = append(wrong, err)
		modules = append(modules, m)
	}
	if err := errors.Join(append(wrong, in.Err())...); err != nil {
		return err
	}
	print(modules)
	return nil
}

func print(modules []module) {
	fmt.Print("Modules linked into the redkite binary (written by `make docs`)\n\n")
	for _, m := range modules {
		fmt.Printf("%-72s %-24s %s\n", m.path, m.version, m.licence)
	}
	for _, m := range modules {
		if m.notice != "" {
			fmt.Printf("\n==== NOTICE of %s\n\n%s\n", m.path, m.notice)
		}
	}
}

// read finds the licence texts at the top of a module's directory.
func read(path, version, dir string) (module, error) {
	m := module{path: path, version: version}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return m, err
	}
	var names []string
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		if e.IsDir() || strings.HasSuffix(upper, ".GO") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return m, err
		}
		switch {
		case strings.HasPrefix(upper, "LICENSE"), strings.HasPrefix(upper, "LICENCE"), strings.HasPrefix(upper, "COPYING"):
			names = append(names, classify(string(text))...)
		case strings.HasPrefix(upper, "NOTICE"):
			m.notice = tidy(string(text))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return m, fmt.Errorf("%s %s: no licence recognised in %s", path, version, dir)
	}
	m.licence = strings.Join(names, " and ")
	return m, nil
}

// classify names the licences whose own words the text contains.
func classify(text string) []string {
	t := strings.Join(strings.Fields(text), " ")
	var names []string
	add := func(name string, phrases ...string) {
		for _, p := range phrases {
			if !strings.Contains(t, p) {
				return
			}
		}
		names = append(names, name)
	}
	add("Apache-2.0", "Apache License", "Version 2.0")
	add("MIT", "Permission is hereby granted, free of charge")
	add("MPL-2.0", "Mozilla Public License", "2.0")
	add("CC0-1.0", "CC0 1.0 Universal")
	add("ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose")
	if strings.Contains(t, "Redistribution and use in source and binary forms") {
		if strings.Contains(t, "endorse or promote") {
			names = append(names, "BSD-3-Clause")
		} else {
			names = append(names, "BSD-2-Clause")
		}
	}
	return names
}

// tidy removes trailing blanks, so that the generated file has none.
func tidy(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	return strings.Join(lines, "\n")
}
