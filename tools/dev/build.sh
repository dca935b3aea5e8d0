#!/bin/sh
# build.sh - builds corbel into build/, with debug information and warnings as errors. Arguments are ninja targets.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

"$ROOT/tools/dev/setup.sh" build
configure "$ROOT/build"
if [ -t 1 ]; then
	exec ninja -C "$ROOT/build" "$@"
fi
quietly ninja -C "$ROOT/build" "$@"
