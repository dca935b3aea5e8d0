#!/bin/sh
# The clients' suite again, with everything in PostgreSQL.
#
#	tests/clients_postgres/suite.sh [PART-OF-A-TEST'S-NAME]
set -eu

tests=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC2016 # for the inner shell
exec "$tests/lib/postgres.sh" run sh -c 'CORBEL_TEST_STORE="postgres:$CORBEL_TEST_POSTGRES" exec "$0" "$@"' "$tests/clients/suite.sh" "$@"
