"""Lists the contents of the layer and of the keep-warm function's code, by path."""

from __future__ import annotations

import importlib.metadata
import marshal
import re
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.prefix.compiled import SUFFIX as WARM_SUFFIX
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import SUFFIX as PREFIX_SUFFIX
from prefixwarm.prefix.prefix_file import dumps, load
from prefixwarm_layer.agent_modules import agent_files, cached_files, sources
from prefixwarm_layer.bytecode import CODE, compiled
from prefixwarm_layer.import_closure import import_closure, module_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_FOLDER = "prefixwarm"
CA_FOLDER = f"{_FOLDER}/ca/"
VENDORED = ("aws-lambda-powertools", "jmespath", "typing_extensions")
_BOOTSTRAP = "prefixwarm_extension.bootstrap"
# Separate files, because they are run or imported by path.
_PROGRAMS = {
    "prefixwarm_extension.fallback": f"{_FOLDER}/fallback.py",
    "prefixwarm_extension.snapstart": "python/prefixwarm_snapstart.py",
    _BOOTSTRAP: f"{_FOLDER}/bootstrap.py",
}
# Started by the launcher where there is no Python.
_WITHOUT_PYTHON = ("ask.sh", "ask.cjs")
# The handlers of the keep-warm function and of its workers, in the construct and the templates.
KEEPWARM_HANDLER = "prefixwarm.keepwarm.handler.handler"
WORKER_HANDLER = "prefixwarm.keepwarm.worker.handler"
_ROOT = re.compile(
    r"^# ([0-9a-f]{8}\.\d+)\n(-----BEGIN.+?-----END[^\n]+\n)", re.DOTALL | re.MULTILINE
)


def layer_entries(*, observe: bool = True) -> dict[str, bytes]:
    """Return the layer without bytecode and prefixes: launcher, programs, sources, CA roots.

    Parameters
    ----------
    observe
        Whether it includes `prefixwarm.observe` for the agent.
    """
    here = Path(__file__).parent
    files = import_closure(_PROGRAMS)
    return {
        "extensions/prefixwarm": (here / "launcher.sh").read_bytes(),
        **{place: files[name].read_bytes() for name, place in _PROGRAMS.items()},
        **{f"{_FOLDER}/{name}": (here / name).read_bytes() for name in _WITHOUT_PYTHON},
        # The marshal format that every Python reads.
        f"{CODE}/sources": marshal.dumps(layer_modules(), 2),
        **{f"{CA_FOLDER}{name}": data for name, data in _roots(here / "roots.pem").items()},
        **(agent_files() if observe else {}),
    }


def layer_modules(*, late: bool = True) -> dict[str, tuple[bool, str]]:
    """Return the modules that the layer's programs import.

    Parameters
    ----------
    late
        Whether to include modules that the init phase imports inside functions, which is rare.

    Returns
    -------
    dict
        By name: whether it is a package, and its source.
    """
    return {
        name: (file.name == "__init__.py", file.read_text(encoding="utf-8"))
        for name, file in import_closure(_PROGRAMS, late=late).items()
        if name not in _PROGRAMS
    }


def with_bytecode(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the layer with its bytecode, as far as it can be compiled."""
    bytecode = {}
    for build, code in compiled(layer_modules(late=False), sources(entries)).items():
        bytecode[f"{CODE}/{build.magic}"] = code.bundle
        bytecode |= cached_files(build, code)
    return {**entries, **bytecode}


def prefix_entries(prefixes: Iterable[Path]) -> dict[str, bytes]:
    """Return the prefix files, each with the bytes that the init phase sends.

    Raises
    ------
    PrefixFileError
        A file is invalid.
    """
    entries = {}
    for path in prefixes:
        prefix = load(path)
        stem = f"{_FOLDER}/prefixes/{prefix.name}"
        entries[stem + PREFIX_SUFFIX] = dumps(prefix).encode()
        entries[stem + WARM_SUFFIX] = compile_prefix(prefix).to_bytes()
    return entries


def keepwarm_entries() -> dict[str, bytes]:
    """Return the keep-warm function's code; Lambda's Python runtimes include boto3."""
    modules = [name.rpartition(".")[0] for name in (KEEPWARM_HANDLER, WORKER_HANDLER)]
    entries = module_files(import_closure(modules))
    for distribution in VENDORED:
        entries |= _installed(distribution)
    return entries


def _installed(distribution: str) -> dict[str, bytes]:
    entries = {}
    for file in importlib.metadata.files(distribution) or ():
        name = file.as_posix()
        if file.suffix in (".so", ".pyd"):
            raise RuntimeError(f"{distribution}: {name} is compiled; only pure Python is deployed")
        if file.suffix == ".py" and not name.startswith(".."):
            entries[name] = Path(str(file.locate())).read_bytes()
    return entries


def _roots(bundle: Path) -> dict[str, bytes]:
    """Return the CA roots by OpenSSL's hashed names; see scripts/update-roots."""
    return {name: certificate.encode() for name, certificate in _ROOT.findall(bundle.read_text())}
