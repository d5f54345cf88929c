#!/bin/sh
# The shipped graphs and data set descriptors against their schemas, by Python's jsonschema. Argument: the source
# folder. GRAPHRUN_PYTHON: the interpreter, python3 if not given.
set -eu
python=${GRAPHRUN_PYTHON:-python3}
if ! "$python" -c 'import jsonschema' 2>/dev/null; then
  echo "skipped: $python has no module jsonschema"
  exit 77
fi
exec "$python" "$1/tests/schemas/validate.py" "$1"
