#!/bin/sh
# The mocks of Google, AWS, Cohere and Mistral, read by these services' own libraries: a mock that only corbel understands proves nothing.
#
#	tests/wires/suite.sh [PART-OF-A-TEST'S-NAME]
#
# The libraries are installed into the cache once, at the pinned versions.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}"
exec "$(python_env "$here/requirements.txt")/bin/python" "$here/wires_test.py" "$@"
