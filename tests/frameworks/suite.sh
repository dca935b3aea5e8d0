#!/bin/sh
# Official clients and libraries that people build with, unchanged but for the base URL, against a running corbel: OpenAI's and Anthropic's clients, openai-agents, Pydantic AI, LangChain, LlamaIndex, Instructor,
# LiteLLM's client, DSPy, Vercel's AI SDK. Each in four flows, onto an OpenAI-shaped and an Anthropic-shaped upstream; docs/clients.md has the table of it, and must.
#
#	tests/frameworks/suite.sh [--write] [PART-OF-A-FACT'S-NAME]
#
# Each is installed into the cache once, in an environment of its own, at the pinned versions. --write writes the table.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}"
CORBEL_FRAMEWORKS="node=node clients=$(python_env "$here/../clients/requirements.txt")/bin/python"
for name in agents langchain llama_index instructor dspy; do
	CORBEL_FRAMEWORKS="$CORBEL_FRAMEWORKS $name=$(python_env "$here/$name-requirements.txt")/bin/python"
done
CORBEL_CLIENTS=$(node_env clients "$here/../clients")
CORBEL_NODE_FRAMEWORKS=$(node_env frameworks "$here")
export CORBEL_FRAMEWORKS CORBEL_CLIENTS CORBEL_NODE_FRAMEWORKS
exec python3 "$here/run.py" "$@"
