#!/bin/sh
# clean.sh - removes what building made: the build directories, and with --all the cache of set-up too. The data
# directory of a server is nobody's rubbish and stays.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"

case ${1:-} in
'') ;;
--all) rm -rf "$CACHE" ;;
*) die "usage: ./dev clean [--all]" ;;
esac
rm -rf "$ROOT/build" "$ROOT"/build-*
