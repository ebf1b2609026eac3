#!/bin/bash -p
# Starts the runtime with its model calls observed, without a change of the function's code: Python
# imports /opt/prefixwarm/auto/sitecustomize.py when it starts. If the function has its own wrapper,
# that is called next, with Lambda's arguments.
export PYTHONPATH="/opt/prefixwarm/auto${PYTHONPATH:+:$PYTHONPATH}"
exec ${PREFIXWARM_EXEC_WRAPPER:+"$PREFIXWARM_EXEC_WRAPPER"} "$@"
