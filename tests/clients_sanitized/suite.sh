#!/bin/sh
# The clients' suite again, against a corbel under AddressSanitizer and UndefinedBehaviorSanitizer: what they report ends
# it, and what has leaked by its end fails the suite's last test.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/compile.sh"
. "$ROOT/tools/dev/sanitizers.sh"

build_sanitized asan corbel tests/mock/mock-upstream
export CORBEL_BUILD="$ROOT/build-asan" CORBEL_TEST_SECONDS=180
exec "$ROOT/tests/clients/suite.sh"
