"""The templates of each release, as users have deployed them, and what an upgrade may not do.

Stored whole are a warmer with all defaults and one agent, the same with workers, and both with all
metrics, their alarms and the dashboard. Of the common shapes of apps is stored what they have
beyond the first of these.
"""

from __future__ import annotations

import json
import re
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import App, Stack
from shapes import SHAPES, Parts

from prefixwarm.prefix import prefix_file
from prefixwarm_cdk import PrefixWarmer
from tests.helpers.derived import derive
from tests.helpers.workers import warmer_with_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


FOLDER = Path(__file__).parent / "releases"
NAMES = ("default", "workers", "full", "full-workers", *SHAPES)
CDK = metadata.version("aws-cdk-lib")
# A layer version holds its content: a new one takes the place of the old with every prompt.
_NEW_EACH_TIME = ("AWS::Lambda::LayerVersion",)
Resources = dict[str, dict[str, Any]]


@cache
def synthesised(name: str) -> Resources:
    """Resources and properties of a template, as the checkout makes it."""
    everything = {"metrics": "full", "dashboard": True}

    def one_agent(parts: Parts) -> None:
        options = everything if name.startswith("full") else {}
        parts.warmer(**options).attach(parts.agent())

    build = SHAPES.get(name, one_agent)
    return _resources(build, warmer_with_workers() if name.endswith("workers") else PrefixWarmer)


def store(release: str, name: str, resources: Resources) -> Path:
    """Keep a template, and the version of CDK that made it; of a shape what is its own."""
    path = FOLDER / release / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"aws-cdk-lib": CDK, "resources": resources}
    if name in SHAPES:
        default = stored(release, "default")
        own = {key: value for key, value in resources.items() if value != default.get(key)}
        without = sorted(default.keys() - resources.keys())
        document |= {"beyond": "default", "resources": own, "without": without}
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def stored(release: str, name: str) -> Resources:
    """Resources and properties of a template, as a release made it."""
    document = _document(release, name)
    before = stored(release, document["beyond"]) if "beyond" in document else {}
    kept = {key: value for key, value in before.items() if key not in document["without"]}
    return {**kept, **document["resources"]}


def has(release: str, name: str) -> bool:
    """Whether a release stored a template of that name."""
    return (FOLDER / release / f"{name}.json").exists()


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


def _resources(build: Callable[[Parts], None], kind: type[PrefixWarmer]) -> Resources:
    """The resources of an app; those of another stack than the warmer's with its name before."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        app = App(outdir=str(place / "out"), analytics_reporting=False)
        stack = Stack(app, "Warmer")
        build(Parts(app, stack, _prefix(place), kind))
        made = {
            name if artifact.stack_name == "Warmer" else f"{artifact.stack_name}/{name}": resource
            for artifact in app.synth().stacks
            for name, resource in artifact.template["Resources"].items()
        }
    return dict(json.loads(_without_digests(json.dumps(made))))


def _prefix(folder: Path) -> Path:
    marker = {"type": "ephemeral", "ttl": "1h"}
    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "You support. " * 300, "cache_control": marker}],
        "messages": [{"role": "user", "content": "Hello"}],
    }
    headers = {"anthropic-version": "2026-10-21"}
    built = prefix_file.build("support", derive(request), headers=headers)
    return prefix_file.write(built, folder)


def _without_digests(text: str) -> str:
    """Assets are named by the hash of their content, which no test should be about.

    So are a function's versions, which follow the content of its layer.
    """
    text = re.sub(r"[0-9a-f]{64}", "DIGEST", text)
    return re.sub(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1DIGEST", text)
