#!/bin/sh
# Ten seconds of each fuzz target.
exec "$(dirname "$0")/../../tools/dev/fuzz.sh"
