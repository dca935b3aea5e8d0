#!/bin/sh
# What can be checked without running corbel. Each check prints its findings and its own count; a check counts as one
# test here, since its findings are what one reads.
set -u

cd "$(dirname "$0")/../.." || exit 2
passed=0 failed=0

# check NAME COMMAND...
check()
{
	name=$1
	shift
	echo "-- $name"
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

# Files that are sourced have no first line that names a shell; all but .ci/run are POSIX.
shell_scripts()
{
	git ls-files -z --cached --others --exclude-standard dev '*.sh' |
		xargs -0 shellcheck -s sh -S warning -x -P SCRIPTDIR -e SC1090,SC1091 &&
		shellcheck -s bash -S warning .ci/run
}

check "rooms include only rooms above them, and third-party headers only their own" python3 tools/check/layers.py
check "files and functions fit in mind" python3 tools/check/sizes.py
check "no registry, no machine path, nothing unfinished, nothing vendored" python3 tools/check/house.py
check "the checks find what they are for" python3 tests/lint/checks_test.py
check "what may park says so, and no fiber outgrows its stack" tools/check/parks.sh
check "shell scripts pass shellcheck" shell_scripts

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
