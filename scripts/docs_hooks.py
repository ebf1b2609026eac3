"""What the documentation site's generator calls.

Links to files outside of ``docs/`` lead into the repository.
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)")

# Records at this level fail a strict build.
logger = logging.getLogger("mkdocs.plugins.prefixwarm")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page, with links that leave ``docs/`` leading into the repository."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")
    repository = os.environ.get("DOCS_REPOSITORY", "").rstrip("/")

    def linked(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[2]))
        if path.startswith("docs/"):
            return match[0]
        if path.startswith("..") or not (ROOT / path).exists():
            logger.warning("%s links to %s, which is not there", page.file.src_uri, path)
        return f"[{match[1]}]({repository}/{path}{match[3] or ''})" if repository else match[1]

    return OUTSIDE.sub(linked, markdown)
