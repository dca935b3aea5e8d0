#!/bin/sh
# corbel on PostgreSQL with pgvector: two nodes on one database, and a database that goes away and comes back.
#
#	tests/store/suite.sh [PART-OF-A-TEST'S-NAME]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export CORBEL_BUILD="${CORBEL_BUILD:-$(cd "$here/../.." && pwd)/build}"
exec "$here/../lib/postgres.sh" run python3 "$here/run.py" "$@"
