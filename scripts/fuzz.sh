#!/usr/bin/env bash
# Runs each fuzz test of the module for a time.   usage: fuzz.sh [20s]
set -euo pipefail
cd "$(dirname "$0")/.."
for_time=${1:-20s}
git ls-files -co --exclude-standard '*_test.go' | xargs grep -hoE --with-filename '^func Fuzz[A-Za-z0-9_]*' |
	while IFS=: read -r file decl; do
		dir=./$(dirname "$file") name=${decl#func }
		case $dir in ./tests/gosdk*) continue ;; esac
		echo "fuzz $dir $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$for_time" "$dir" </dev/null
	done
