"""What lies where in the layer, and in the keep-warm function's code."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import marshal
import re
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.prefix.compiled import SUFFIX as WARM_SUFFIX
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import SUFFIX as PREFIX_SUFFIX
from prefixwarm.prefix.prefix_file import dumps, load
from prefixwarm_layer.bytecode import CODE, bundles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_HOME = "prefixwarm"
_VENDORED = ("aws-lambda-powertools", "jmespath", "typing_extensions")
# The packages whose modules the init phase may load, and of `prefix` only what compiles a file.
_PACKAGES = ("provider", "state", "warm", "wire")
_COMPILER = ("body", "compiled", "fingerprint", "prefix_file", "warm_request")
# Modules that stand directly in `prefixwarm`.
_SINGLE = ("__init__", "errors", "life", "settings")
_NEVER_THERE = ("memory.py", "store.py")
# Files of their own, because something starts them.
_STARTED = {
    "prefixwarm_extension/fallback.py": f"{_HOME}/fallback.py",
    "prefixwarm_extension/snapstart.py": "python/prefixwarm_snapstart.py",
    "prefixwarm_extension/bootstrap.py": f"{_HOME}/bootstrap.py",
}
# There as sources alone, because the init phase seldom loads them.
_SELDOM = (
    "prefixwarm.prefix.body",
    "prefixwarm.provider.federation",
    "prefixwarm.prefix.fingerprint",
    "prefixwarm.provider.identity",
    "prefixwarm.prefix.prefix_file",
    "prefixwarm.prefix.warm_request",
    "prefixwarm_extension.managed",
)
_ROOT = re.compile(
    r"^# ([0-9a-f]{8}\.\d+)\n(-----BEGIN.+?-----END[^\n]+\n)", re.DOTALL | re.MULTILINE
)


def layer_entries() -> dict[str, bytes]:
    """The layer without bytecode and prefixes: launcher, programs, sources, CA roots."""
    here = Path(__file__).parent
    code = _layer_code()
    return {
        "extensions/prefixwarm": (here / "launcher.sh").read_bytes(),
        **{place: code[name] for name, place in _STARTED.items()},
        # The format of marshal that every Python reads.
        f"{CODE}/sources": marshal.dumps(layer_modules(), 2),
        **{f"{_HOME}/ca/{name}": data for name, data in _roots(here / "roots.pem").items()},
    }


def layer_modules() -> dict[str, tuple[bool, str]]:
    """The modules that the layer's programs import: whether each is a package, and its source."""
    return {
        file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (
            file.endswith("/__init__.py"),
            source.decode(),
        )
        for file, source in sorted(_layer_code().items())
        if file not in _STARTED
    }


def with_bytecode(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """The layer with the bytecode of its init phase, for each Python that can be compiled for."""
    often = {name: module for name, module in layer_modules().items() if name not in _SELDOM}
    return {**entries, **{f"{CODE}/{name}": data for name, data in bundles(often).items()}}


def _layer_code() -> dict[str, bytes]:
    return {
        **_modules("prefixwarm", _SINGLE),
        **_modules("prefixwarm.prefix", ("__init__", *_COMPILER)),
        **{
            name: source
            for package in _PACKAGES
            for name, source in _sources(f"prefixwarm.{package}", leave_out=_NEVER_THERE).items()
        },
        **_sources("prefixwarm_extension"),
    }


def prefix_entries(prefixes: Iterable[Path]) -> dict[str, bytes]:
    """The prefix files, and beside each the bytes that the init phase sends.

    Raises
    ------
    PrefixFileError
        When one is invalid.
    """
    entries = {}
    for path in prefixes:
        prefix = load(path)
        place = f"{_HOME}/prefixes/{prefix.name}"
        entries[place + PREFIX_SUFFIX] = dumps(prefix).encode()
        entries[place + WARM_SUFFIX] = compile_prefix(prefix).to_bytes()
    return entries


def keepwarm_entries() -> dict[str, bytes]:
    """The keep-warm function's code; boto3 is in every Python runtime of Lambda."""
    entries = _modules("prefixwarm", _SINGLE)
    for package in (*_PACKAGES, "prefix", "policy", "keepwarm"):
        entries |= _sources(f"prefixwarm.{package}")
    for distribution in _VENDORED:
        entries |= _installed(distribution)
    return entries


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _sources(package: str, leave_out: tuple[str, ...] = ()) -> dict[str, bytes]:
    root = _package(package)
    base = package.replace(".", "/")
    return {
        f"{base}/{file.relative_to(root).as_posix()}": file.read_bytes()
        for file in root.rglob("*.py")
        if file.name not in leave_out
    }


def _modules(package: str, names: tuple[str, ...]) -> dict[str, bytes]:
    root, base = _package(package), package.replace(".", "/")
    return {f"{base}/{name}.py": (root / f"{name}.py").read_bytes() for name in names}


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
    """The CA roots by the names that OpenSSL looks them up by; see scripts/update-roots."""
    found = _ROOT.findall(bundle.read_text())
    return {name: certificate.encode() for name, certificate in found}
