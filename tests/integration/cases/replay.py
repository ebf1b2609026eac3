"""Stands in for an agent: sends each file as one request to where capture points it."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

for name in sys.argv[1:]:
    document = json.loads(Path(name).read_bytes())
    path, body = document.get("path", "/v1/messages"), document.get("body", document)
    runtime = path.startswith("/model/")
    base = os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME" if runtime else "ANTHROPIC_BASE_URL"]
    headers = {"authorization": "Bearer t"} if runtime else {"x-api-key": "k"}
    headers |= {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    headers |= document.get("headers", {})
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as response:
            print(response.status, json.load(response)["usage"])
    except urllib.error.HTTPError as error:
        print(error.code, error.read()[:300])
