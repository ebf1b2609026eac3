"""`observe="auto"`: whatever is wrong with it, the function starts as if it were not there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from extension_bench import ANSWER, PLAIN, changed_layer
from observed_agents import UNCHANGED, agent

if TYPE_CHECKING:
    from pathlib import Path

    from extension_bench import Bench

    from prefixwarm.local.emulated_function import Function

AUTO = "prefixwarm/auto/sitecustomize.py"
HOOK = "prefixwarm/auto/prefixwarm_import_hook.py"
POINTER = "python/prefixwarm.py"
PATCHES = "prefixwarm/python/prefixwarm/observe/patches.py"
WRAPPER = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/prefixwarm/wrapper",
    "PREFIXWARM_INIT": "off",
    "PREFIXWARM_INIT_HOLD_MS": "0",
}
OWN = """#!/bin/bash
export CALLED_IN_TURN=$# FIRST=${1##*/}
exec "$@"
"""
SHOWS = """
import os, sys

def handler(event, context):
    own = sys.modules.get("sitecustomize")
    return {
        "called": os.environ.get("CALLED_IN_TURN"),
        "mark": getattr(own, "MARK", None),
        "path": [part for part in sys.path if "auto" in part],
        "variable": "auto" in os.environ.get("PYTHONPATH", ""),
    }
"""
# A boto3 stands for every SDK: it is in the runtime, and no bytecode of it need be compiled.
USES_BOTO3 = (
    """
import boto3

client = boto3.client("bedrock-runtime", region_name="us-east-1")
"""
    + PLAIN
)


def plain(bench: Bench, code: str = PLAIN, **env: str) -> Function:
    """A function that is started through the wrapper."""
    return bench.function(bench.code(code), **{**WRAPPER, **env})


BROKEN = {
    "the start raises": {AUTO: "raise RuntimeError('x')"},
    "the start is no Python": {AUTO: "def ("},
    "there is no hook": {HOOK: "def ("},
    "the hook raises": {HOOK: "def when_imported(*_): raise RuntimeError('x')"},
    "what patches cannot be imported": {PATCHES: "raise RuntimeError('x')"},
    "what patches raises": {
        PATCHES: "class _P:\n    def apply(self, _m): raise RuntimeError('x')\n"
        "from collections import defaultdict\nPATCHES = defaultdict(_P)\n"
    },
    "an older prefixwarm": {POINTER: "__path__ = []\n"},
    "a prefixwarm that cannot be imported": {POINTER: "raise RuntimeError('x')\n"},
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_part_harms_nothing(bench: Bench, what: str) -> None:
    """The function answers, and logs no traceback."""
    changes = BROKEN[what]
    cached = {
        str(path.relative_to(bench.layer)): b""
        for name in changes
        for path in (bench.layer / name).parent.glob(f"__pycache__/{name.split('/')[-1][:-3]}.*")
    }
    layer = changed_layer(bench.layer, bench.folder, {**cached, **changes})
    started = bench.start(replace(plain(bench, USES_BOTO3), layers=(layer,)), {"n": 1})
    assert (started.answer.status, started.answer.payload) == (200, ANSWER)
    assert "Traceback" not in started.log


def test_another_wrapper_and_sitecustomize_run_as_they_would(bench: Bench) -> None:
    """The wrapper gets what Lambda gave; the path is left as it was."""
    files = {"mine/wrapper": OWN, "site/sitecustomize.py": "MARK = 7\n"}
    layer = changed_layer_with_folders(bench, files)
    env = {"PREFIXWARM_EXEC_WRAPPER": "/opt/mine/wrapper", "PYTHONPATH": "/opt/site"}
    function = replace(plain(bench, SHOWS, **env), layers=(layer,))
    shown = bench.start(function, {}).answer.payload
    assert int(shown.pop("called")) >= 3
    assert shown == {"mark": 7, "path": [], "variable": False}


def changed_layer_with_folders(bench: Bench, files: dict[str, str]) -> Path:
    """The layer with more files in more folders, of which wrappers can be executed."""
    layer = changed_layer(bench.layer, bench.folder, {})
    for name, text in files.items():
        path = layer / name
        path.parent.mkdir()
        path.write_text(text)
        path.chmod(0o755)
    return layer


def test_without_an_sdk_nothing_of_ours_is_loaded(bench: Bench) -> None:
    """The hook alone, which costs a start less than a module of the SDK does."""
    code = """
import sys

def handler(event, context):
    return sorted(name for name in sys.modules if name.startswith("prefixwarm"))
"""
    assert bench.start(plain(bench, code), {}).answer.payload == ["prefixwarm_import_hook"]


def test_a_prefixwarm_of_the_functions_own_is_used_whole(bench: Bench, sdk: Path) -> None:
    """Nothing of the layer's is mixed with it."""
    function = agent(bench, sdk, UNCHANGED, **WRAPPER)
    own = function.code / "prefixwarm" / "observe"
    own.mkdir(parents=True)
    (function.code / "prefixwarm" / "__init__.py").write_text("")
    (own / "__init__.py").write_text("")
    (own / "patches.py").write_text(
        "import json\n"
        "def apply(module): print(json.dumps({'patched': module.__name__}), flush=True)\n"
        "class _P:\n    apply = staticmethod(apply)\n"
        "PATCHES = {name: _P for name in ('anthropic', 'boto3', 'litellm')}\n"
    )
    started = bench.start(function)
    assert started.answer.status == 200
    lines = [json.loads(line) for line in started.log.splitlines() if line.startswith('{"patched')]
    assert {"patched": "anthropic._base_client"} in lines
    assert bench.states() == []
