#!/bin/sh
# The official OpenAI and Anthropic clients, for Python and Node, and Cohere's, against a running corbel with a mock upstream.
#
#	tests/clients/suite.sh [PART-OF-A-TEST'S-NAME]
#
# The clients are installed into the cache once, at the pinned versions.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}"
CORBEL_CLIENTS=$(node_env clients "$here")
python=$(python_env "$here/requirements.txt")/bin/python
CORBEL_COHERE=$(python_env "$here/cohere-requirements.txt")/bin/python
export CORBEL_CLIENTS CORBEL_COHERE
exec "$python" "$here/run.py" "$@"
