#!/bin/sh
# The command line and what a person does with it: configuration, keys, start and stop, ingest, questions.
exec python3 "$(dirname "$0")/run.py" "$@"
