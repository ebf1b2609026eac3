#!/bin/bash -p
# Starts the runtime so that its model calls are observed, without a change of the function: Python
# imports /opt/prefixwarm/auto/sitecustomize.py at its start. A wrapper that the function has of its
# own is called in turn, with what Lambda gave.
export PYTHONPATH="/opt/prefixwarm/auto${PYTHONPATH:+:$PYTHONPATH}"
exec ${PREFIXWARM_EXEC_WRAPPER:+"$PREFIXWARM_EXEC_WRAPPER"} "$@"
