"""What all deployments of the end-to-end tests share."""

from __future__ import annotations

import compileall
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from prefixwarm.local import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def functions_compiled_once() -> Iterator[None]:
    """Compile a deployed function's modules when it is read back, and not at each of its starts.

    A start cannot keep bytecode: its file system is read-only. Layers with extensions, which are
    what is tested, stay as they were deployed.
    """
    unzip = deployment._unzip

    def unzip_and_compile(archive: Path, folder: Path) -> None:
        unzip(archive, folder)
        if not (folder / "extensions").exists():
            compileall.compile_dir(folder, quiet=2, workers=1)

    with mock.patch.object(deployment, "_unzip", unzip_and_compile):
        yield
