#!/bin/sh
# The unit tests that lie beside the sources, in the ordinary build.
exec "$(dirname "$0")/run.py" "${CORBEL_BUILD:?}"
