#!/bin/sh
# Runs a program on several ranks of this host. Arguments: how many, the program and its arguments.
set -eu
if ! command -v mpirun >/dev/null; then
  echo "skipped: there is no mpirun"
  exit 77
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_WAIT_POLICY=passive
count=$1
shift
exec mpirun -n "$count" --oversubscribe --bind-to none "$@"
