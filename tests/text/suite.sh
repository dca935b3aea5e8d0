#!/bin/sh
# corbel's WordPiece against the reference tokenizer.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

env=$(python_env "$here/requirements.txt")
exec "$env/bin/python" "$here/compare_wordpiece.py" "${CORBEL_BUILD:?}/tests/text/wordpiece_ids" "$CACHE/models/all-MiniLM-L6-v2"
