#!/bin/sh
# bench.sh - the measurements of tests/perf: every one, or those named. A measurement is an executable file
# tests/perf/NAME.sh or NAME.py, or a folder tests/perf/NAME with an executable `run`; it finds the build in CORBEL_BUILD.
# They run one after the other on a release build (compile.sh), and print ratios; nothing is judged here.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

measurements()
{
	for file in "$ROOT"/tests/perf/*.sh "$ROOT"/tests/perf/*.py "$ROOT"/tests/perf/*/run; do
		[ ! -x "$file" ] || echo "$file"
	done
}

# name_of FILE: how a measurement is called.
name_of()
{
	case $1 in
	*/run) basename "$(dirname "$1")" ;;
	*) basename "${1%.*}" ;;
	esac
}

"$ROOT/tools/dev/setup.sh" build model corpus bench
export CORBEL_BUILD="$ROOT/build-release"
release "$CORBEL_BUILD" corbel tests/mock/mock-upstream tests/mock/load-gen tests/text/bpe_ids tests/perf/store/store_bench tests/perf/search/search_bench \
	tests/perf/ingest/embed_bare src/knowledge/chunk_dump src/net/call_client src/net/echo_server
cd "$ROOT"
status=0
for file in $(measurements); do
	name=$(name_of "$file")
	[ $# -eq 0 ] || case " $* " in
	*" $name "*) ;;
	*) continue ;;
	esac
	say "$name"
	"$file" || status=1
done
exit $status
