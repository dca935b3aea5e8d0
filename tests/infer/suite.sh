#!/bin/sh
# Vectors beside the reference implementation, on the same model.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

build=${CORBEL_BUILD:-$ROOT/build}
export PYTHONDONTWRITEBYTECODE=1
exec "$(python_env "$here/requirements.txt")/bin/python" "$here/compare_embed.py" "$build/tests/infer/embed_texts" "$CACHE/models/all-MiniLM-L6-v2"
