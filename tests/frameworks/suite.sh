#!/bin/sh
# Libraries that people build with, unchanged but for the base URL, against a running corbel: LangChain, LlamaIndex, Instructor, LiteLLM's client, DSPy, Vercel's AI SDK.
#
#	tests/frameworks/suite.sh [PART-OF-A-FACT'S-NAME]
#
# Each is installed into the cache once, in an environment of its own, at the pinned versions.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}"
CORBEL_FRAMEWORKS=node=node
for name in langchain llama_index instructor dspy; do
	CORBEL_FRAMEWORKS="$CORBEL_FRAMEWORKS $name=$(python_env "$here/$name-requirements.txt")/bin/python"
done
CORBEL_NODE_FRAMEWORKS=$CACHE/node-frameworks-$(key "$here/package-lock.json")
export CORBEL_FRAMEWORKS CORBEL_NODE_FRAMEWORKS
if [ ! -d "$CORBEL_NODE_FRAMEWORKS/node_modules" ]; then
	scratch
	mkdir "$SCRATCH/node"
	cp "$here/package.json" "$here/package-lock.json" "$SCRATCH/node/"
	(cd "$SCRATCH/node" && npm ci --silent --no-audit --no-fund --no-update-notifier)
	place "$SCRATCH/node" "$CORBEL_NODE_FRAMEWORKS"
fi
exec python3 "$here/run.py" "$@"
