#!/bin/sh
# python_test.sh PYTHON SCRIPT [ARGUMENT]...: a test in Python, skipped where there is none.
set -eu
if ! command -v "$1" >/dev/null; then
  echo "skipped: there is no $1"
  exit 77
fi
exec "$@"
