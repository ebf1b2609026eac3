#!/bin/bash
exec python -m uvicorn --port "${AWS_LWA_PORT:-8080}" --log-level warning main:app
