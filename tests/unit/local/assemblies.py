"""Cloud assemblies as CDK writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def function(path: str, *, handler: str = "handler.handler", **variables: str) -> dict[str, Any]:
    """A Lambda function of a template."""
    return {
        "Type": "AWS::Lambda::Function",
        "Metadata": {"aws:cdk:path": f"{path}/Resource"},
        "Properties": {"Handler": handler, "Environment": {"Variables": variables}},
    }


def stack(name: str, environment: str = "aws://unknown-account/unknown-region") -> dict[str, Any]:
    """The artifact of a stack."""
    return {
        "type": "aws:cloudformation:stack",
        "environment": environment,
        "properties": {"templateFile": f"{name}.template.json"},
        "displayName": name,
    }


def write(folder: Path, templates: dict[str, Any], **artifacts: Any) -> Path:
    """An assembly with a stack for each template, and other artifacts."""
    folder.mkdir(parents=True, exist_ok=True)
    every = {name: stack(name) for name in templates} | artifacts
    (folder / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": every}))
    for name, resources in templates.items():
        document = {"Resources": resources}
        (folder / f"{name}.template.json").write_text(json.dumps(document))
    return folder
