"""The templates of each release, as users have deployed them, and what an upgrade may not do.

Stored are a warmer with all defaults and one agent, the same with workers, and both with all
metrics, their alarms and the dashboard.
"""

from __future__ import annotations

import json
import re
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm.prefix import prefix_file, warm_request
from prefixwarm_cdk import Credentials, PrefixWarmer
from tests.helpers.workers import warmer_with_workers

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CDK",
    "FOLDER",
    "NAMES",
    "lost",
    "made_by",
    "replaced",
    "store",
    "stored",
    "synthesised",
]

FOLDER = Path(__file__).parent / "releases"
NAMES = ("default", "workers", "full", "full-workers")
CDK = metadata.version("aws-cdk-lib")
# A layer version holds its content: a new one takes the place of the old with every prompt.
_NEW_EACH_TIME = ("AWS::Lambda::LayerVersion",)
_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:claude-AbCdEf"
Resources = dict[str, dict[str, Any]]


def synthesised() -> dict[str, Resources]:
    """Resources and properties of the templates, as the checkout makes them."""
    full = {"metrics": "full", "dashboard": True}
    return {
        "default": _resources(PrefixWarmer),
        "workers": _resources(warmer_with_workers()),
        "full": _resources(PrefixWarmer, **full),
        "full-workers": _resources(warmer_with_workers(), **full),
    }


def store(release: str, name: str, resources: Resources) -> Path:
    """Keep a template, and the version of CDK that made it."""
    path = FOLDER / release / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"aws-cdk-lib": CDK, "resources": resources}
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def stored(release: str, name: str) -> Resources:
    """Resources and properties of a template, as a release made it."""
    return dict(_document(release, name)["resources"])


def made_by(release: str, name: str) -> str:
    """The version of CDK that made a stored template."""
    return str(_document(release, name)["aws-cdk-lib"])


def _document(release: str, name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / release / f"{name}.json").read_text(encoding="utf-8")))


def lost(before: Resources, after: Resources) -> list[str]:
    """Resources that an upgrade would delete, because their id or type is another."""
    return [
        name
        for name, resource in before.items()
        if after.get(name, {}).get("Type") != resource["Type"]
    ]


def replaced(before: Resources, after: Resources) -> list[str]:
    """Properties whose change makes CloudFormation put a new resource in the old one's place."""
    return [
        f"{name}.{key}"
        for name in before.keys() & after.keys()
        for key in _fixed(before[name]["Type"])
        if _property(before[name], key) != _property(after[name], key)
    ]


def _fixed(kind: str) -> list[str]:
    """The properties that a resource keeps for life, by CloudFormation's own schema."""
    if kind in _NEW_EACH_TIME:
        return []
    # Dear to import.
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    paths = [
        *schema.get("createOnlyProperties", []),
        *schema.get("conditionalCreateOnlyProperties", []),
    ]
    return sorted({path.split("/")[2] for path in paths})


def _property(resource: Mapping[str, Any], key: str) -> Any:
    return resource.get("Properties", {}).get(key)


def _resources(kind: type[PrefixWarmer], **options: Any) -> Resources:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        app = App(outdir=str(place / "out"), analytics_reporting=False)
        stack = Stack(app, "Warmer")
        secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", _SECRET)
        warmer = kind(
            stack,
            "Warm",
            prefixes=[_prefix(place)],
            credentials=Credentials.secret(secret),
            **options,
        )
        code = lambda_.Code.from_inline("def handler(event, context): return 1")
        runtime = lambda_.Runtime.PYTHON_3_13
        warmer.attach(lambda_.Function(stack, "Agent", code=code, handler="i.h", runtime=runtime))
        template = app.synth().get_stack_by_name("Warmer").template
    return dict(json.loads(_without_digests(json.dumps(template["Resources"]))))


def _prefix(folder: Path) -> Path:
    marker = {"type": "ephemeral", "ttl": "1h"}
    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "You support. " * 300, "cache_control": marker}],
        "messages": [{"role": "user", "content": "Hello"}],
    }
    headers = {"anthropic-version": "2026-10-21"}
    built = prefix_file.build("support", warm_request.derive(request), headers=headers)
    return prefix_file.write(built, folder)


def _without_digests(text: str) -> str:
    """Assets are named by the hash of their content, which no test should be about."""
    return re.sub(r"[0-9a-f]{64}", "DIGEST", text)
