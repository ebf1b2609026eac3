"""Agents of the extension's tests: with the SDK in a layer, as functions bring it."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from extension_bench import request

if TYPE_CHECKING:
    from extension_bench import Bench

    from prefixwarm.local.emulated_function import Function

HEADERS = {"anthropic-version": "2023-06-01"}
OBSERVED = f"""
import anthropic
from prefixwarm.observe import middleware

client = anthropic.Anthropic(
    middleware=[middleware()], default_headers={HEADERS!r}, max_retries=0
)
"""
UNCHANGED = f"""
import anthropic

client = anthropic.Anthropic(default_headers={HEADERS!r}, max_retries=0)
"""
HANDLER = """
def handler(event, context):
    return client.messages.create(**{request!r}, max_tokens=16).usage.model_dump()
"""


# Without the SDK, for a Python that its compiled parts are not built for.
DIRECT = """
import json, os, urllib.request
from prefixwarm.observe import Observer

observer = Observer()
HEADERS = {headers!r}
REQUEST = {request!r}

def handler(event, context):
    sent = observer.leaving(observer.begin(REQUEST, HEADERS))
    call = urllib.request.Request(
        os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages",
        data=json.dumps(REQUEST).encode(),
        headers={{"content-type": "application/json", "x-api-key": "k", **HEADERS}},
    )
    reply = json.load(urllib.request.urlopen(call, timeout=29))
    observer.wait_until_reported(observer.end(sent, reply["usage"]))
    return reply["usage"]
"""


def installed(name: str, names: set[str]) -> set[str]:
    """The top-level names of the files of a distribution and of what it needs here."""
    try:
        whole = distribution(name)
    except PackageNotFoundError:
        return names  # for other platforms or versions
    names |= {file.parts[0] for file in whole.files or ()} - {"..", "__pycache__"}
    for line in whole.requires or ():
        if "extra ==" not in line:
            installed(re.split(r"[\s;<>=!~\[(]", line)[0], names)
    return names


def with_sdk(layer: Path, folder: Path) -> Path:
    """Our layer and one with the SDK, merged as Lambda does."""
    shutil.copytree(layer, folder, dirs_exist_ok=True, copy_function=os.link)
    folder.chmod(0o755)
    site = Path(str(distribution("anthropic").locate_file("")))
    for name in installed("anthropic", set()):
        copy = shutil.copytree if (site / name).is_dir() else shutil.copy
        copy(site / name, folder / "python" / name)
    return folder


def agent(bench: Bench, sdk: Path, client: str, **env: str) -> Function:
    """A function that asks through the SDK, with a client that is made like this."""
    code = bench.code(client + HANDLER.format(request=request("support")))
    return replace(bench.function(code, HOME="/tmp", **env), layers=(sdk,), timeout=30)


def direct_agent(bench: Bench, more: str = "", **env: str) -> Function:
    """A function that asks and observes by itself."""
    body = {**request("support"), "max_tokens": 16}
    return bench.function(bench.code(DIRECT.format(headers=HEADERS, request=body) + more), **env)
