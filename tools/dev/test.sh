#!/bin/sh
# test.sh - everything that must hold.
#
#	./dev test [-v] [--suite NAME]...
#
# Sets the machine up, builds, then runs the suites one after the other (they measure time and start servers, so they do
# not share the machine). A suite is an executable tests/NAME/suite.sh that runs from the top of the tree, finds the
# build in CORBEL_BUILD and the cache in CORBEL_CACHE, and prints `N passed, N failed` last. One that ends without that
# line, or past its time, counts as one failed. Output goes to build/test-logs/NAME.log and is shown when the suite fails
# (with -v always). The last line of all is `N passed, N failed`; the exit status is 1 if anything failed.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

# The cheap ones come first; a suite that is not named here runs last.
ORDER='lint unit sanitize mock wires text infer store retrieval cli clients frameworks openapi clients_postgres clients_sanitized faults fuzz web e2e'
SUITE_SECONDS=${CORBEL_SUITE_SECONDS:-1800}
TAIL_LINES=150

suites()
{
	for name in $ORDER; do
		[ ! -x "$ROOT/tests/$name/suite.sh" ] || echo "$name"
	done
	for file in "$ROOT"/tests/*/suite.sh; do
		name=$(basename "$(dirname "$file")")
		case " $ORDER " in
		*" $name "*) ;;
		*) echo "$name" ;;
		esac
	done
}

# counts_of LOG: the figures of a suite's last line, as "PASSED FAILED"; nothing where it is no such line.
counts_of()
{
	tail -n 1 "$1" | sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p'
}

run_suite()
{
	log=$LOGS/$1.log
	began=$(date +%s)
	say "$1"
	status=0
	if $VERBOSE; then
		{ timeout -k 10 "$SUITE_SECONDS" "tests/$1/suite.sh" 2>&1 || echo $? >"$LOGS/$1.status"; } </dev/null | tee "$log"
	else
		timeout -k 10 "$SUITE_SECONDS" "tests/$1/suite.sh" </dev/null >"$log" 2>&1 || echo $? >"$LOGS/$1.status"
	fi
	[ ! -f "$LOGS/$1.status" ] || status=$(cat "$LOGS/$1.status")
	counts=$(counts_of "$log")
	if [ -z "$counts" ]; then
		counts='0 1'
		echo "suite $1 ended without its count, with status $status" >>"$log"
	elif [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
		counts="${counts% *} 1"
		echo "suite $1 counted no failure, but ended with status $status" >>"$log"
	fi
	echo "$1 $counts $(($(date +%s) - began))" >>"$LOGS/summary"
	if [ "${counts#* }" -ne 0 ] && ! $VERBOSE; then
		tail -n "$TAIL_LINES" "$log"
		echo "(all of it: $log)"
	fi
}

VERBOSE=false
chosen=
while [ $# -gt 0 ]; do
	case $1 in
	-v) VERBOSE=true ;;
	--suite)
		[ -x "$ROOT/tests/${2:-}/suite.sh" ] || die "no such suite: ${2:-} (there are: $(suites | tr '\n' ' '))"
		chosen="$chosen $2"
		shift
		;;
	*) die "usage: ./dev test [-v] [--suite NAME]..." ;;
	esac
	shift
done

"$ROOT/tools/dev/setup.sh" build model corpus clang lint test bench
"$ROOT/tools/dev/build.sh"
PATH=$(. "$ROOT/tools/dev/setup/node.sh" && node_path)$PATH
export PATH CORBEL_BUILD="$ROOT/build"
LOGS=$CORBEL_BUILD/test-logs
rm -rf "$LOGS"
mkdir -p "$LOGS"
cd "$ROOT"
for name in ${chosen:-$(suites)}; do
	run_suite "$name"
done

echo
awk 'BEGIN { printf "%-12s %8s %8s %9s\n", "suite", "passed", "failed", "seconds" }
	{ printf "%-12s %8d %8d %9d\n", $1, $2, $3, $4; passed += $2; failed += $3 }
	END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$LOGS/summary"
