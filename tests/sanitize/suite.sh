#!/bin/sh
# The unit tests again, under the sanitizers.
exec "$(dirname "$0")/../../tools/dev/sanitize.sh"
