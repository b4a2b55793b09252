#!/usr/bin/env bash
# Runs the content of the container image where there is no container engine:
# the static binary as uid 65532 in a root that holds nothing else, with the
# environment of the Dockerfile.   usage: container_smoke.sh bin/image
set -euo pipefail
cd "$(dirname "$0")/.."
image=$1
uid=65532

if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ] || ! command -v chroot >/dev/null; then
	echo "smoke: left out, it takes root on Linux to change the root directory"
	exit 0
fi

root=$(mktemp -d)
server=
cleanup() {
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
	rm -rf "$root" "$root.out"
}
trap cleanup EXIT
cp -r "$image/." "$root/"
chown -R $uid:$uid "$root"
chmod 755 "$root"

if [ "$(cd "$root" && find . -type f)" != ./redkite ]; then
	echo "smoke: the image holds more than the binary"
	exit 1
fi

# A free pair of ports, so that several runs do not meet.
port=$((20000 + RANDOM % 20000))
inside=(env -i PATH="$PATH"
	"$(sed -n 's/^ENV \(MILVUS_CONF_REDKITE_LISTEN=[^ ]*\).*/\1/p' Dockerfile)"
	"$(sed -n 's/^ *\(MILVUS_CONF_REDKITE_DATADIR=.*\)$/\1/p' Dockerfile)"
	chroot --userspec=$uid:$uid "$root" /redkite)
"${inside[@]}" run standalone --port $port --metrics-port $((port + 1)) >"$root.out" 2>&1 &
server=$!

healthy=no
for _ in $(seq 150); do
	if "${inside[@]}" health --port $port --metrics-port $((port + 1)) >/dev/null 2>&1; then
		healthy=yes
		break
	fi
	kill -0 $server 2>/dev/null || break
	sleep 0.1
done
if [ $healthy = no ]; then
	echo "smoke: not healthy:"
	cat "$root.out"
	exit 1
fi
if ! grep -qF -e "[::]:$port" -e "0.0.0.0:$port" "$root.out"; then
	echo "smoke: the start screen does not say that every address is listened on:"
	cat "$root.out"
	exit 1
fi
[ -f "$root/var/lib/milvus/FORMAT" ] || { echo "smoke: no data in /var/lib/milvus"; exit 1; }

kill -TERM $server
wait $server || { echo "smoke: SIGTERM ended it with $?"; cat "$root.out"; exit 1; }
server=
echo "smoke: served as uid $uid in an empty root, healthy, stopped"
