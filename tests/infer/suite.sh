#!/bin/sh
# corbel's embeddings against the reference implementation, on the same model.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

env=$(python_env "$here/requirements.txt")
exec "$env/bin/python" "$here/compare_embed.py" "${CORBEL_BUILD:?}/tests/infer/embed_texts" "$CACHE/models/all-MiniLM-L6-v2"
