#!/bin/sh
# serve.sh - builds corbel and runs its server in the foreground. Arguments go to corbel serve; without --data, the data
# directory is ./corbel-data, the one that ./dev up uses.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

"$ROOT/tools/dev/setup.sh" build model
"$ROOT/tools/dev/build.sh"
export CORBEL_DATA="${CORBEL_DATA:-$ROOT/corbel-data}"
exec "$ROOT/build/corbel" serve "$@"
