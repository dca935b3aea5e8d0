#!/bin/sh
# parks.sh - compiles the sources for their call graph, into build-parks, and runs parks.py over it.
#
# Without inlining every call is an edge and every function has a frame of its own; the sums are a little above those of
# the real build.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

# a compiler cache keeps objects, and not the call graphs beside them
export CCACHE_DISABLE=1
configure "$ROOT/build-parks" -Dwerror=false -Doptimization=1 \
	-Dc_args='-fcallgraph-info=su -fno-inline -fno-ipa-cp -fno-ipa-sra -fno-partial-inlining'
quietly ninja -C "$ROOT/build-parks" build.ninja # which files there are may have changed
objects=$(ninja -C "$ROOT/build-parks" -t targets all | sed -n 's/^\(src\/.*\.o\): c_COMPILER$/\1/p' | grep -v '_test\.c\.o$')
# shellcheck disable=SC2086 # a list
quietly ninja -C "$ROOT/build-parks" $objects
PYTHONDONTWRITEBYTECODE=1 exec "$ROOT/tools/check/parks.py" "$ROOT/build-parks"
