#!/bin/sh
# The official OpenAI clients, for Python and Node, against a running corbel with a mock upstream.
#
#	tests/clients/suite.sh [PART-OF-A-TEST'S-NAME]
#
# The clients are installed into the cache, once for each set of pinned versions, whole or not at all.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}"
export CORBEL_CLIENTS="$CACHE/clients"
pins="$here/requirements.txt $here/package-lock.json"

# shellcheck disable=SC2086 # two files
if ! made_by "$CORBEL_CLIENTS" $pins; then
	scratch
	mkdir "$SCRATCH/clients"
	venv "$SCRATCH/clients/venv"
	"$SCRATCH/clients/venv/bin/python" -m pip -q --disable-pip-version-check install -r "$here/requirements.txt"
	cp "$here/package.json" "$here/package-lock.json" "$SCRATCH/clients/"
	(cd "$SCRATCH/clients" && npm ci --silent --no-audit --no-fund --no-update-notifier)
	sign "$SCRATCH/clients" $pins
	place "$SCRATCH/clients" "$CORBEL_CLIENTS"
fi
exec "$CORBEL_CLIENTS/venv/bin/python" "$here/run.py" "$@"
