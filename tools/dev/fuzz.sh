#!/bin/sh
# fuzz.sh - runs the fuzz targets of tests/fuzz under libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer.
#
#	./dev fuzz [TARGET] [SECONDS]
#
# All targets, 10 seconds each, unless told otherwise. A target starts from its corpus in the tree and adds what it finds
# to build-fuzz/found/TARGET, so that the tree changes only by hand; an input that fails is kept there as well, and is
# run again with `build-fuzz/tests/fuzz/fuzz_TARGET FILE`. The last line counts targets.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

INPUT_SECONDS_MAX=5
MEMORY_MB_MAX=2048

fuzz()
{
	found=$BUILD/found/$1
	mkdir -p "$found"
	say "$1, $2 s"
	set -- "$1" -max_total_time="$2" -timeout="$INPUT_SECONDS_MAX" -rss_limit_mb="$MEMORY_MB_MAX" -print_final_stats=1 \
		-artifact_prefix="$found/failed-" "$found" "$ROOT/tests/fuzz/corpus/$1"
	program=$BUILD/tests/fuzz/fuzz_$1
	shift
	"$program" "$@" >"$found.log" 2>&1 || { sed -n "/ERROR\\|runtime error/,\$p" "$found.log" | head -n 40; return 1; }
	grep -E 'number_of_executed_units|new_units_added' "$found.log" || :
}

target='' seconds=10
for argument in "$@"; do
	case $argument in
	*[!0-9]*) target=$argument ;;
	*) seconds=$argument ;;
	esac
done

"$ROOT/tools/dev/setup.sh" build clang
BUILD=$ROOT/build-fuzz
CC=clang configure "$BUILD" -Dfuzz=true -Dwerror=false -Db_lundef=false -Db_sanitize=address,undefined \
	-Dc_args=-fsanitize=fuzzer-no-link
targets=$(ninja -C "$BUILD" -t targets all | sed -n 's/^\(tests\/fuzz\/fuzz_[a-z0-9_]*\): c_LINKER$/\1/p')
[ -z "$target" ] || targets=tests/fuzz/fuzz_$target
[ -n "$targets" ] || die "there are no fuzz targets"
# shellcheck disable=SC2086 # a list
ninja -C "$BUILD" --quiet $targets
passed=0 failed=0
for target in $targets; do
	if fuzz "${target##*/fuzz_}" "$seconds"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
