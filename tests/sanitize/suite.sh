#!/bin/sh
# The unit tests again, under the sanitizers.
set -eu

tests=$(cd "$(dirname "$0")/.." && pwd)
exec "$tests/lib/postgres.sh" run "$tests/../tools/dev/sanitize.sh"
