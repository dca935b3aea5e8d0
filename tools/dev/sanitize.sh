#!/bin/sh
# sanitize.sh - the unit tests under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer.
# Arguments: asan, tsan; both without any. The last line counts tests.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"
. "$ROOT/tools/dev/sanitizers.sh"

[ $# -gt 0 ] || set -- asan tsan
"$ROOT/tools/dev/setup.sh" build
passed=0 failed=0
for name in "$@"; do
	say "unit tests with $(sanitizers_of "$name")"
	build_sanitized "$name"
	log=$ROOT/build-$name/unit.log
	"$ROOT/tests/unit/run.py" "$ROOT/build-$name" | tee "$log"
	counts=$(tail -n 1 "$log")
	passed=$((passed + ${counts%% *}))
	counts=${counts#*, }
	failed=$((failed + ${counts%% *}))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
