#!/bin/sh
# sanitize.sh - the unit tests under AddressSanitizer with UndefinedBehaviorSanitizer (build-asan), and under
# ThreadSanitizer (build-tsan). Arguments: asan, tsan; both without any. The last line counts tests.
#
# Warnings are no errors here: instrumented code makes gcc see uninitialized values where there are none, and the
# ordinary builds judge warnings.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$ROOT/tests/sanitize/tsan.supp:${TSAN_OPTIONS:-}

sanitizers_of()
{
	case $1 in
	asan) echo address,undefined ;;
	tsan) echo thread ;;
	*) die "no such sanitizer build: $1 (asan, tsan)" ;;
	esac
}

[ $# -gt 0 ] || set -- asan tsan
"$ROOT/tools/dev/setup.sh" build
passed=0 failed=0
for name in "$@"; do
	sanitizers=$(sanitizers_of "$name")
	say "unit tests with $sanitizers"
	configure "$ROOT/build-$name" -Dwerror=false -Doptimization=1 -Db_sanitize="$sanitizers" -Db_lundef=false
	quietly ninja -C "$ROOT/build-$name"
	log=$ROOT/build-$name/unit.log
	"$ROOT/tests/unit/run.py" "$ROOT/build-$name" | tee "$log"
	counts=$(tail -n 1 "$log")
	passed=$((passed + ${counts%% *}))
	counts=${counts#*, }
	failed=$((failed + ${counts%% *}))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
