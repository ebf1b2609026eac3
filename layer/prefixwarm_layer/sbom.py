"""Writes the SBOM of a zip, a CycloneDX document inside the zip.

It has no time and no serial number, so the same files give the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import prefixwarm
from prefixwarm_layer.layout import CA_FOLDER, VENDORED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Component = dict[str, Any]


LAYER_SBOM = "prefixwarm/sbom.cdx.json"
KEEPWARM_SBOM = "prefixwarm.cdx.json"

_CERTIFI = re.compile(r"CA roots of certifi (\S+) ")


def with_layer_sbom(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the layer with its SBOM: all files, and the source of the CA roots."""
    own = {name: data for name, data in entries.items() if not name.startswith(CA_FOLDER)}
    return {**entries, LAYER_SBOM: _document("prefixwarm-layer", own, [_roots()])}


def with_keepwarm_sbom(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the keep-warm function's code with its SBOM: its files and libraries."""
    own = {name: data for name, data in entries.items() if name.startswith("prefixwarm/")}
    libraries = [_library(name) for name in VENDORED]
    return {**entries, KEEPWARM_SBOM: _document("prefixwarm-keepwarm", own, libraries)}


def _document(name: str, files: Mapping[str, bytes], libraries: list[Component]) -> bytes:
    version = prefixwarm.__version__
    project = {
        "type": "application",
        "bom-ref": name,
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": f"pkg:pypi/prefixwarm@{version}",
    }
    components = [*libraries, *(_file(path, files[path]) for path in sorted(files))]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": project},
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [part["bom-ref"] for part in libraries]}],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _file(path: str, data: bytes) -> Component:
    digest = hashlib.sha256(data).hexdigest()
    return {"type": "file", "name": path, "hashes": [{"alg": "SHA-256", "content": digest}]}


def _library(distribution: str) -> Component:
    facts = importlib.metadata.metadata(distribution)
    stated = [facts[field] for field in ("License-Expression", "License") if field in facts]
    return {
        **_package(distribution, facts["Version"]),
        "licenses": [{"license": {"name": name}} for name in stated[:1]],
    }


def _roots() -> Component:
    bundle = Path(__file__).with_name("roots.pem").read_text()
    version = _CERTIFI.search(bundle)
    assert version, "roots.pem does not say whose roots it holds"
    return {
        **_package("certifi", version[1]),
        "description": "its CA roots, and nothing else of it",
        "licenses": [{"license": {"id": "MPL-2.0"}}],
    }


def _package(name: str, version: str) -> Component:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
