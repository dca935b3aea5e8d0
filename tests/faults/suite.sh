#!/bin/sh
# What corbel does when things go wrong: killed at random moments, disks that are full or read-only, upstreams that break, clients that abuse.
#
#	tests/faults/suite.sh [PART-OF-A-TEST'S-NAME]
#
# CORBEL_KILLS sets how often the server is killed (20).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export CORBEL_BUILD="${CORBEL_BUILD:-$(cd "$here/../.." && pwd)/build}"
exec python3 "$here/run.py" "$@"
