#!/bin/sh
# lint.sh - what a machine can see without running the program: the checks of tests/lint, then clang-tidy over every
# file that the build compiles.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"

"$ROOT/tools/dev/setup.sh" build lint clang
CORBEL_BUILD=$ROOT/build "$ROOT/tests/lint/suite.sh"

# clang-tidy reads clang's own compile commands: gcc's carry options that it does not know
CC=clang configure "$ROOT/build-clang"
say "clang-tidy"
cd "$ROOT"
git ls-files -z 'src/*.c' ':!src/*_test.c' | xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -p "$ROOT/build-clang"
