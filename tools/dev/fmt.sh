#!/bin/sh
# fmt.sh - clang-format over the C sources, or over the files named. --check changes nothing and fails on a difference.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

mode='-i'
if [ "${1:-}" = --check ]; then
	mode='--dry-run -Werror'
	shift
fi
"$ROOT/tools/dev/setup.sh" lint
cd "$ROOT"
# shellcheck disable=SC2086 # mode is two words
if [ $# -gt 0 ]; then
	clang-format $mode "$@"
else
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format $mode
fi
