"""Runtimes without a Python interpreter, and container images, which take no layers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from extension_bench import KEY, changed_layer, write_prefix
from faulty_server import FaultyServer, hang
from signed_aws import SignedAws

from prefixwarm.local.emulated_function import Function
from prefixwarm_layer.zips import build_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extension_bench import Bench, Started

DOCS = Path(__file__).parents[3] / "docs" / "deploy.md"
# Needs no program but the shell.
BASH = r"""#!/bin/bash
ask() {
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
    printf '%s /2018-06-01/runtime/invocation/%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "${#3}" "$3" >&3
    while read -r name value <&3; do
        [[ ${name,,} == lambda-runtime-aws-request-id: ]] && id=${value%$'\r'}
    done
    exec 3>&-
}
while true; do
    ask GET next ''
    ask POST "$id/response" '"no Python here"'
done
"""
NODE = """#!/usr/bin/env node
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/`;
(async () => {
  while (true) {
    const next = await fetch(api + "next");
    await next.json();
    const id = next.headers.get("lambda-runtime-aws-request-id");
    await fetch(`${api}${id}/response`, { method: "POST", body: '"no Python here"' });
  }
})();
"""


ASKED = {"warm": ["support"], "wait": True, "needed_for_seconds": 30, "function": "function"}


# What stands for a runtime: its own program, and what its file system shows.
RUNTIMES = {
    "Node.js": (NODE, None),
    "Node.js without curl": (NODE, ("env", "node", "bash")),
    "bare": (BASH, ("bash", "curl")),
}


@pytest.fixture
def aws(bench: Bench) -> Iterator[SignedAws]:
    """The table and the keep-warm function."""
    with SignedAws(bench.aws, secret="local") as running:
        yield running
        assert running.refusals == []


@pytest.fixture(params=RUNTIMES)
def function(request: pytest.FixtureRequest, bench: Bench, aws: SignedAws) -> Function:
    """A function in a runtime without Python, with the settings that `attach` gives it."""
    return runtime_function(bench, *RUNTIMES[request.param], aws.url)


def runtime_function(
    bench: Bench, program: str, programs: tuple[str, ...] | None, aws: str
) -> Function:
    """A function whose runtime is this program."""
    for name in ("bash", *(programs or ("node",))):
        if shutil.which(name, path="/usr/bin:/bin") is None:
            pytest.skip(f"{name} is not installed where the sandbox shows it")
    bootstrap = bench.folder / "custom" / "bootstrap"
    bootstrap.parent.mkdir()
    bootstrap.write_text(program)
    bootstrap.chmod(0o755)
    own = {"AWS_ENDPOINT_URL": aws, "PREFIXWARM_ASK": "keepwarm"}
    settings = {**bench.plain().env, **own}
    layers = (bench.layer,)
    return Function(bootstrap.parent, layers=layers, env=settings, python=None, programs=programs)


def answered(started: Started) -> dict[str, Any]:
    """The only line of a start after which the function answered as if nothing were there."""
    assert (started.answer.status, started.answer.payload) == (200, "no Python here")
    return started.line


def test_without_a_function_to_ask_it_idles_and_says_so_once(
    bench: Bench, function: Function
) -> None:
    """The layer on another runtime costs one line."""
    line = answered(bench.start(function.having(PREFIXWARM_ASK="")))
    assert (line["outcome"], line["reason"][:26]) == ("skipped", "no Python interpreter here")


def test_a_cold_prefix_is_asked_for(bench: Bench, function: Function, aws: SignedAws) -> None:
    """Within the init phase, once in the environment's life."""
    with bench.environment(function) as environment:
        answers = [environment.invoke({}).payload for _ in range(2)]
        log = environment.close()
    assert answers == ["no Python here"] * 2
    assert aws.asked() == [ASKED]
    assert log.count('"outcome":"written"') == 1
    assert KEY not in log


def test_the_hold_is_kept(bench: Bench, function: Function, aws: SignedAws) -> None:
    """A keep-warm function that does not answer costs the hold."""
    with FaultyServer(hang) as server:
        own = {"AWS_ENDPOINT_URL_LAMBDA": server.url, "PREFIXWARM_INIT_HOLD_MS": "500"}
        line = answered(bench.start(function.having(**own)))
    assert line["outcome"] == "failed"
    # A busy machine may be late with the table already.
    late = ("did not answer within the hold", "ended", "the warm state cannot be read")
    assert any(reason in line["reason"] for reason in late)


@pytest.mark.parametrize(
    "kind", ["lambda-managed-instances", "provisioned-concurrency", "snap-start"]
)
def test_initialization_types(bench: Bench, function: Function, aws: SignedAws, kind: str) -> None:
    """Managed Instances ask as well; publishing a version, or a provisioned start, does not."""
    line = answered(bench.start(replace(function, init_type=kind)))
    asks = kind == "lambda-managed-instances"
    assert line["outcome"] == ("written" if asks else "skipped")
    assert len(aws.asked()) == asks


BREAKS = {
    "no script": {"prefixwarm/ask.sh": ""},
    "garbage": {"prefixwarm/ask.sh": ") ( } fi"},
    "ends": {"prefixwarm/ask.sh": "exit 3"},
    "killed": {"prefixwarm/ask.sh": "kill -9 $$"},
    "lives on": {"prefixwarm/ask.sh": "exec 3>&-; read -r -t 600 <> <(:)"},
    "no helper": {"prefixwarm/ask.cjs": "process.exit(9)"},
}


@pytest.mark.parametrize("broken", BREAKS)
def test_whatever_breaks_the_function_starts(
    bench: Bench, function: Function, tmp_path: Path, broken: str
) -> None:
    """And one line says what happened."""
    layer = changed_layer(bench.layer, tmp_path, BREAKS[broken])
    own = function.having(PREFIXWARM_INIT_HOLD_MS="500")
    started = bench.start(replace(own, layers=(layer,)))
    assert answered(started)["outcome"] in ("failed", "written")


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The instructions of a build file, by the name of the stage; the last one has none."""
    by_name: dict[str, list[tuple[str, str]]] = {}
    for line in text.strip().splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            by_name[rest.partition(" AS ")[2]] = steps = []
        elif word not in ("", "#"):
            steps.append((word, rest))
    return by_name


def built(text: str, context: Path, folder: Path) -> Path:
    """The root file system of the last stage, as far as these instructions make it.

    Not Docker's work: `COPY` copies, and `RUN` runs in a root with this machine's ``/usr``.
    """
    for name, steps in stages(text).items():
        root = folder / (name or "image")
        root.mkdir(parents=True)
        for word, rest in steps:
            if word == "RUN":
                _run(root, rest)
                continue
            *options, source, target = rest.split()
            base = folder / options[0].removeprefix("--from=") if options else context
            _copy(base / source.lstrip("/"), root / target.lstrip("/"))
    return folder / "image"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target / source.name)


def _run(root: Path, command: str) -> None:
    script = (
        'cd "$0" && mkdir -p usr && mount --rbind /usr usr && '
        "for name in bin lib lib64; do [ -e $name ] || cp -P /$name . || exit; done; "
        'exec chroot . /bin/sh -ec "$1"'
    )
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", *user, "--mount", "bash", "-c", script]
    subprocess.run([*unshare, str(root), command], check=True)


def test_the_lines_for_container_images(bench: Bench, tmp_path: Path) -> None:
    """What the build file of the docs copies into an image is an extension that warms there."""
    (block,) = re.findall(r"```dockerfile\n(.*?)```", DOCS.read_text(), re.DOTALL)
    context = tmp_path / "context"
    build_layer(context / "layer.zip", [write_prefix(tmp_path / "prefixes", "support")])
    image = built(block, context, tmp_path / "stages")
    (image / "opt").chmod(0o755)
    started = bench.start(replace(bench.asking(), layers=(image / "opt",)))
    assert started.line["outcome"] == "written"
    assert started.answer.payload["cache_read_input_tokens"] > 5000
