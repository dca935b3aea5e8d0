#!/bin/sh
# Whether search still finds what it found: see retrieval_test.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/setup/packages.sh"
. "$ROOT/tools/dev/setup/corpus.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}" PYTHONDONTWRITEBYTECODE=1
export CORBEL_TEST_SECONDS="${CORBEL_TEST_SECONDS:-300}" # of one test: the model takes its time on a busy machine
manual=$(corpus_dir)
exec python3 "$here/retrieval_test.py" "$manual" "$CACHE/models/all-MiniLM-L6-v2"
