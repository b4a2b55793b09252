#!/usr/bin/env bash
# Runs every step of `make test`, goes on after a failure, and closes with a
# table and a line "N passed, N failed". REQUIRE_RACE=1 turns a missing C
# compiler into a failure; otherwise the race run is left out, and said so. So
# are the tests on arm64 where there is no qemu.
set -euo pipefail
cd "$(dirname "$0")/.."

make=${MAKE:-make}
passed=0 failed=0 left_out=0
table=()

step() {
	local name=$1 began=$SECONDS result
	shift
	echo "=== $name: $*"
	if "$@"; then
		result=ok passed=$((passed + 1))
	else
		result=FAILED failed=$((failed + 1))
	fi
	table+=("$(printf '%-10s %-7s %5d s' "$name" "$result" $((SECONDS - began)))")
}

step build "$make" --no-print-directory build
step lint "$make" --no-print-directory lint
step arch "$make" --no-print-directory arch
step unit "$make" --no-print-directory unit
step bench "$make" --no-print-directory bench-unit
step e2e "$make" --no-print-directory e2e
step gosdk "$make" --no-print-directory gosdk
step crash "$make" --no-print-directory crash
step powerloss "$make" --no-print-directory powerloss
step smoke "$make" --no-print-directory smoke

if command -v "$(go env CC)" >/dev/null 2>&1 || [ "${REQUIRE_RACE:-0}" = 1 ]; then
	step race "$make" --no-print-directory race
else
	echo "=== race: left out, there is no C compiler ($(go env CC))"
	left_out=$((left_out + 1))
fi
if scripts/test_arm64.sh setup; then
	step arm64 "$make" --no-print-directory test-arm64
else
	left_out=$((left_out + 1))
fi
step cross "$make" --no-print-directory cross

echo
printf '%s\n' "${table[@]}"
if [ "$left_out" -gt 0 ]; then
	echo "$passed passed, $failed failed, $left_out skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
