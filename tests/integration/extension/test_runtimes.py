"""Runtimes without a Python interpreter, and container images, which take no layers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from extension_bench import write_prefix

from prefixwarm.local.emulated_function import Function
from prefixwarm_layer.zips import build_layer

if TYPE_CHECKING:
    from extension_bench import Bench

DOCS = Path(__file__).parents[3] / "docs" / "deploy.md"
BASH = r"""#!/bin/bash
ask() {
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
    printf '%s /2018-06-01/runtime/invocation/%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "${#3}" "$3" >&3
    cat <&3
    exec 3>&-
}
while true; do
    id=$(ask GET next '' | tr -d '\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
    ask POST "$id/response" '"no Python here"' >/dev/null
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


@pytest.mark.parametrize(("name", "program"), [("bash", BASH), ("node", NODE)])
def test_without_an_interpreter_it_idles_and_says_so_once(
    bench: Bench, name: str, program: str
) -> None:
    """The layer on another runtime costs one line: on Node.js, and on one of one's own."""
    if shutil.which(name, path="/usr/bin:/bin") is None:
        pytest.skip(f"{name} is not installed where the sandbox shows it")
    bootstrap = bench.folder / "custom" / "bootstrap"
    bootstrap.parent.mkdir()
    bootstrap.write_text(program)
    bootstrap.chmod(0o755)
    function = Function(bootstrap.parent, layers=(bench.layer,), python=None)
    with bench.environment(function) as environment:
        answers = [environment.invoke({}).payload for _ in range(2)]
        log = environment.close()
    assert answers == ["no Python here"] * 2
    assert log.count("no Python interpreter here") == 1


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The instructions of a build file, by the name of the stage; the last one has none."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.strip().splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found[rest.partition(" AS ")[2]] = steps = []
        elif word not in ("", "#"):
            steps.append((word, rest))
    return found


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
