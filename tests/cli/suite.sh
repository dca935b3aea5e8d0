#!/bin/sh
# The command line and what a person does with it: configuration, keys, start and stop, ingest, questions. With a PostgreSQL for what takes two nodes.
set -eu

tests=$(cd "$(dirname "$0")/.." && pwd)
exec "$tests/lib/postgres.sh" run "$tests/cli/run.py" "$@"
