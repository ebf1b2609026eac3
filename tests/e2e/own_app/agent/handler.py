"""An agent that reads its key while it is imported, and streams nothing."""

from __future__ import annotations

import errno
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from tone import GREETING

KEY = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["KEY"])["SecretString"]
TOKEN = json.loads(KEY)["api_key"]
REQUEST = json.loads(Path(__file__).with_name("request.json").read_text())
ORDERS = boto3.resource("dynamodb").Table(os.environ["ORDERS"])
FILES = boto3.client("s3")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one question, and note it."""
    ORDERS.put_item(Item={"id": event["question"]})
    FILES.put_object(Bucket=os.environ["BUCKET"], Key="last", Body=event["question"].encode())
    messages = [{"role": "user", "content": event["question"]}]
    reply = sent(
        f"{os.environ['ANTHROPIC_BASE_URL']}/v1/messages", {**REQUEST, "messages": messages}
    )
    check_no_way_out()
    return {"greeting": GREETING, "usage": reply["usage"]}


def sent(url: str, body: dict[str, Any]) -> Any:
    """Send a request as the SDK does."""
    headers = {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": TOKEN,
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def check_no_way_out() -> None:
    """Fail unless there is no network beside this machine's own."""
    try:
        urllib.request.urlopen("https://198.51.100.1", timeout=5)
    except urllib.error.URLError as error:
        if getattr(error.reason, "errno", None) == errno.ENETUNREACH:
            return
    raise RuntimeError("there is a way out")
