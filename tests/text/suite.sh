#!/bin/sh
# WordPiece beside the reference tokenizer, on hard and on random text.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

build=${CORBEL_BUILD:-$ROOT/build}
export PYTHONDONTWRITEBYTECODE=1
exec "$(python_env "$here/requirements.txt")/bin/python" "$here/compare_wordpiece.py" "$build/tests/text/wordpiece_ids" "$CACHE/models/all-MiniLM-L6-v2"
