"""What `scripts/verify-on-aws` deploys: with a function in the provider's place, and with a key."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App

from prefixwarm.verify.cloud import example_deployment
from prefixwarm.verify.cloud.run_name import RunName

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3] / "cdk"
NAME = RunName("pwverify-0f3a99c1")
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:claude-AbCdEf"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, prefix: Path, tmp_path: Path) -> Iterator[Any]:
    """Synthesises the app with a context and returns its templates by stack; nothing is bundled."""
    monkeypatch.syspath_prepend(str(ROOT))
    spec = importlib.util.spec_from_file_location("verify_app", ROOT / "verify_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def synthesised(**context: str) -> dict[str, dict[str, Any]]:
        own = {"name": NAME.text, "prefixes": str(prefix), "aws:cdk:bundling-stacks": []}
        app = App(outdir=str(tmp_path), context={**own, **context})
        module.build(app)
        return {stack.stack_name: stack.template for stack in app.synth().stacks}

    yield synthesised
    for name in ("agent_code", "app"):
        sys.modules.pop(name, None)


def resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r for r in template["Resources"].values() if r["Type"] == kind]


def test_a_function_answers_in_the_providers_place(build: Any) -> None:
    """Anyone who has its URL may call it, and the others know it from its stack."""
    templates = build(stub=str(example_deployment._STUB))
    assert sorted(templates) == sorted(NAME.stacks)
    agent, warmer, stub = (templates[name] for name in NAME.stacks)
    (url,) = resources(stub, "AWS::Lambda::Url")
    assert url["Properties"]["AuthType"] == "NONE"
    allowed = {p["Properties"]["Action"] for p in resources(stub, "AWS::Lambda::Permission")}
    assert allowed == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for template in (agent, warmer):
        for function in resources(template, "AWS::Lambda::Function"):
            variables = function["Properties"]["Environment"]["Variables"]
            assert "Fn::ImportValue" in variables["ANTHROPIC_BASE_URL"]
    # Neither tables nor secrets nor logs nor layers outlive their stack.
    for template in templates.values():
        for name, resource in template["Resources"].items():
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                assert resource.get(policy, "Delete") == "Delete", name


def test_with_a_key_there_is_no_stub(build: Any) -> None:
    templates = build(secret=SECRET)
    assert sorted(templates) == sorted(NAME.stacks[:2])
    outputs = {name for template in templates.values() for name in template["Outputs"]}
    parts = ("KeepWarm", "Agent", "Plain", "Observed")
    assert {*(f"{part}FunctionName" for part in parts), "TableName"} <= outputs
    # The functions that are compared differ in the layer alone.
    agent = templates[NAME.stacks[0]]
    by_name = {
        name[: len("Plain")]: resource["Properties"]
        for name, resource in agent["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    plain, layered = by_name["Plain"], by_name["Agent"]
    assert "Layers" not in plain
    assert len(layered["Layers"]) == 1
    for name in ("Handler", "Runtime", "Architectures", "MemorySize", "Timeout", "Code"):
        assert plain[name] == layered[name]
