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
CORBEL_CLIENTS=$CACHE/node-clients-$(key "$here/package-lock.json") # checkouts of other versions may run beside
export CORBEL_CLIENTS
python=$(python_env "$here/requirements.txt")/bin/python
CORBEL_AGENTS=$(python_env "$here/agents-requirements.txt")/bin/python
export CORBEL_AGENTS
CORBEL_COHERE=$(python_env "$here/cohere-requirements.txt")/bin/python
export CORBEL_COHERE

if [ ! -d "$CORBEL_CLIENTS/node_modules" ]; then
	scratch
	mkdir "$SCRATCH/clients"
	cp "$here/package.json" "$here/package-lock.json" "$SCRATCH/clients/"
	(cd "$SCRATCH/clients" && npm ci --silent --no-audit --no-fund --no-update-notifier)
	place "$SCRATCH/clients" "$CORBEL_CLIENTS"
fi
exec "$python" "$here/run.py" "$@"
