#!/bin/sh
# The OpenAPI document of a running corbel, held against what it answers: every operation once, where it must succeed (walk.py), and Schemathesis: no 5xx, and no status, media type or member that the document does not have.
# Before these the document itself: openapi-spec-validator, and what generators make of it (generators_tests.py).
#
#	tests/openapi/suite.sh [PART-OF-A-PATH | PART-OF-A-NAME-IN-GENERATORS_TESTS]
#
# The seed is fixed and the time bounded. CORBEL_OPENAPI_EXAMPLES sets how many requests are made up for each operation (5), CORBEL_OPENAPI_SECONDS how long all of it may take (120), CORBEL_OPENAPI_SEED the seed (1).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

export CORBEL_BUILD="${CORBEL_BUILD:-$ROOT/build}"
CORBEL_OPENAPI_NODE=$(node_env openapi "$here")
CORBEL_TEST_SECONDS=${CORBEL_TEST_SECONDS:-160} # compilers of others run in them
export CORBEL_OPENAPI_NODE CORBEL_TEST_SECONDS
exec "$(python_env "$here/requirements.txt")/bin/python" "$here/run.py" "$@"
