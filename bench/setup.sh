#!/usr/bin/env bash
# Installs the pinned peers into bench/.venv and builds the Go workers, which
# fetch what they need. Nothing is fetched again by a comparison.
#   usage: setup.sh [python3]
set -euo pipefail
cd "$(dirname "$0")"
python=${1:-python3}

[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install -q --disable-pip-version-check -r ann/requirements.txt
go build -trimpath -o bin/annworker ./cmd/annworker
go build -trimpath -o bin/kernworker ./cmd/kernworker

# hnswlib has no wheels. Compiled without a cache: a wheel made for the
# processor of another machine may not run here, or run slower.
if command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null; then
	PIP_CONSTRAINT=$PWD/ann/requirements-build.txt .venv/bin/python -m pip install -q --disable-pip-version-check \
		--no-cache-dir --no-binary hnswlib -r ann/requirements-hnswlib.txt
	"$(command -v "${CXX:-c++}" || command -v g++)" -x c -O2 -shared -fPIC -o bin/libkernshim.so kern/shim.c
	# Its headers, for what its binding does not do.
	sources=$(mktemp -d)
	trap 'rm -rf "$sources"' EXIT
	PIP_CONSTRAINT=$PWD/ann/requirements-build.txt .venv/bin/python -m pip download -q --disable-pip-version-check \
		--no-deps --no-binary hnswlib -d "$sources" "$(grep '^hnswlib==' ann/requirements-hnswlib.txt)"
	tar -xzf "$sources"/hnswlib-*.tar.gz -C "$sources" --strip-components=1
	for name in hnswlib_filter hnswlib_live; do
		"${CXX:-g++}" -O3 -march=native -std=c++14 -shared -fPIC -pthread -I "$sources" \
			-o "bin/$name.so" "ann/peers/$name.cpp"
	done
else
	cat >&2 <<-'EOF'
	bench-ann-setup: NO C++ COMPILER (c++ or g++), so hnswlib is not installed and
	will be missing from every comparison, and bench-kernels cannot call the peers.
	Install one and run this again.
	EOF
fi
.venv/bin/python -m pip --disable-pip-version-check list
