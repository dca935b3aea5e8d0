#!/bin/sh
# Whether 200 kills lose a record: the test of tests/faults, which the tests run with 20.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export CORBEL_KILLS="${CORBEL_KILLS:-200}"
export CORBEL_TEST_SECONDS=$((60 + CORBEL_KILLS * 10)) # of the whole test; a kill takes a second or two
exec "$here/../faults/suite.sh" kill "$@"
