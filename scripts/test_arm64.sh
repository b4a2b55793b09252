#!/usr/bin/env bash
# Runs the tests of the distance kernels, and of what stands on them, on arm64:
# as they are where the machine is one, else under qemu-aarch64, which root gets
# from apt if it is not there. The kernels run once on a CPU with all features
# and once on one that has no optional one. It is a check of results, not of speed.
#
#	test_arm64.sh         the kernels and the columns
#	test_arm64.sh all     the indexes too, which take half an hour under qemu
#	test_arm64.sh setup   only says, by its status, whether it can run
set -euo pipefail
cd "$(dirname "$0")/.."

kernels=./internal/vec
above=./internal/column

qemu() { command -v qemu-aarch64 || command -v qemu-aarch64-static; }

# install is bounded in time: a machine without a network is not waited for.
install() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
	local get="timeout 120 apt-get -q -o Acquire::Retries=0 -o Acquire::http::Timeout=20"
	export DEBIAN_FRONTEND=noninteractive
	$get install -y --no-install-recommends qemu-user || { $get update && $get install -y --no-install-recommends qemu-user; }
}

mode=${1:-short}
[ "$mode" = all ] && above="$above ./internal/vecindex/..."
if [ "$(go env GOHOSTARCH)" = arm64 ]; then
	[ "$mode" = setup ] && exit 0
	exec go test -count=1 -timeout 60m $kernels $above
fi
if ! qemu >/dev/null; then
	install >/dev/null 2>&1 || true
fi
if ! emulator=$(qemu); then
	echo "test-arm64: left out, there is no qemu-aarch64 (Debian, Ubuntu: apt-get install qemu-user)"
	[ "$mode" != setup ]
	exit
fi
[ "$mode" = setup ] && exit 0
export GOOS=linux GOARCH=arm64 CGO_ENABLED=0
go vet $kernels
go test -count=1 -timeout 60m -exec "$emulator -cpu cortex-a53" $kernels
go test -count=1 -timeout 60m -exec "$emulator -cpu max" $kernels $above
