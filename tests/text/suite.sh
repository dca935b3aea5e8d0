#!/bin/sh
# WordPiece and byte-pair encodings beside the reference tokenizers, on hard and on random text.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

build=${CORBEL_BUILD:-$ROOT/build}
export PYTHONDONTWRITEBYTECODE=1
python=$(python_env "$here/requirements.txt")/bin/python
# each ends with its own count, or without one when it broke
{
	"$python" "$here/compare_wordpiece.py" "$build/tests/text/wordpiece_ids" "$CACHE/models/all-MiniLM-L6-v2" || :
	"$python" "$here/compare_bpe.py" "$build/tests/text/bpe_ids" "$CACHE/tokenizers" || :
} 2>&1 | awk '
	/^[0-9]+ passed, [0-9]+ failed$/ { counted++; passed += $1; failed += $3; next }
	{ print }
	END { failed += 2 - counted; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
