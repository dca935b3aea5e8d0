#!/bin/sh
# The mock upstream and the load generator, checked by themselves: a mock that is wrong makes other tests lie.
exec python3 "$(dirname "$0")/mock_test.py" "$@"
