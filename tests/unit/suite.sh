#!/bin/sh
# The unit tests that lie beside the sources, in the ordinary build, with a PostgreSQL for those that have an engine to choose.
set -eu

tests=$(cd "$(dirname "$0")/.." && pwd)
exec "$tests/lib/postgres.sh" run "$tests/unit/run.py" "${CORBEL_BUILD:?}"
