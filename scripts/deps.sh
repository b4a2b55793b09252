#!/usr/bin/env bash
# Writes docs/deps.txt (the modules that the binary links, on any of the three
# systems) and THIRD_PARTY (the same with licences).   --check: only compare.
set -euo pipefail
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for os in linux darwin windows; do
	GOOS=$os go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/redkite
done | sed '/^$/d' | LC_ALL=C sort -u >"$tmp/modules"
awk '{print $1, $2}' "$tmp/modules" >"$tmp/deps.txt"
(cd scripts/tools && go build -o ../../bin/tools/thirdparty ./thirdparty)
bin/tools/thirdparty <"$tmp/modules" >"$tmp/THIRD_PARTY"

if [ "${1:-}" = --check ]; then
	diff -u docs/deps.txt "$tmp/deps.txt" && diff -u THIRD_PARTY "$tmp/THIRD_PARTY" ||
		{ echo "the dependencies changed: read the diff, then run 'make docs'" >&2; exit 1; }
else
	mkdir -p docs
	cp "$tmp/deps.txt" docs/deps.txt
	cp "$tmp/THIRD_PARTY" THIRD_PARTY
fi
