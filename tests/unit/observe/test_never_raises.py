"""Observing never raises in the agent's process, from import to exit."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefixwarm import settings as names
from prefixwarm.observe import Observer, async_middleware, middleware, watch
from prefixwarm.prefix.prefix_file import dumps, write
from tests.helpers.effort import EXAMPLES
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = sorted(v for k, v in vars(names).items() if k.isupper() and isinstance(v, str))
ODD = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "9" * 400,
        "nan",
        "on",
        "always",
        "sample",
        "[",
        "{}",
        "/",
        "/dev/full",
        "x\x1b[2J",
    ]
) | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
AGENT = """
import sys
from prefixwarm.observe import Observer
observer = Observer()
body = {body}
sent = observer.begin(body, {{}})
if sent is not None:
    observer.end(sent, {{"cache_read_input_tokens": 5}})
observer.flush(10)
sys.exit(42)
"""


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environment=st.dictionaries(st.sampled_from([*VARIABLES, "AWS_REGION", "HTTPS_PROXY"]), ODD))
def test_a_broken_environment(environment: dict[str, str], make_body: Any) -> None:
    """Whatever the variables say; at most it does not observe."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*VARIABLES, "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        exercise(Observer(), make_body())


@settings(max_examples=2 * EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_prefix_files(
    data: st.DataObject, prefix: Any, make_body: Any, tmp_path: Path
) -> None:
    """A field of any type anywhere in a file; the files beside it are observed."""
    document = json.loads(dumps(prefix))
    fields: Any = data.draw(st.sampled_from([document, document["request"], document["headers"]]))
    name = data.draw(st.sampled_from([*fields, "anthropic_beta", "tool_choice", "thinking"]))
    fields[name] = data.draw(JSON)
    write(prefix, tmp_path)
    (tmp_path / "broken.prefix.json").write_text(json.dumps(document))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFIXWARM_PREFIXES", str(tmp_path))
        patch.delenv("PREFIXWARM_TABLE", raising=False)
        observer = Observer()
        exercise(observer, make_body())
        assert observer.begin(make_body(), {}) is not None


@settings(max_examples=2 * EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON, usage=JSON, data=st.data())
def test_requests_and_replies_of_any_kind(
    body: Any, usage: Any, data: st.DataObject, prefix: Any, make_body: Any
) -> None:
    """What the agent sends and the provider answers is not ours to judge."""
    observer = Observer([prefix], emit=lambda _line: None)
    exercise(observer, body, usage)
    whole = make_body()
    whole[data.draw(st.sampled_from(sorted(whole)))] = body
    exercise(observer, whole, usage)


def exercise(observer: Observer, body: Any, usage: Any = None) -> None:
    middleware(observer)
    async_middleware(observer)
    watch(object(), observer)
    sent = observer.begin(body, {})
    if sent is not None:
        observer.wait(sent)
        observer.end(observer.without_diagnosis(observer.leaving(sent)), usage, usage, {})
    observer.flush(PATIENCE)


@pytest.mark.parametrize(
    "streams",
    [">/dev/full", ">/dev/full 2>/dev/full", ">&-", ">&- 2>&-", "2>/dev/full", "| true"],
)
def test_output_that_cannot_be_written(
    streams: str, prefix: Any, make_body: Any, tmp_path: Path
) -> None:
    """A full disk, a closed stdout: the agent ends with its own exit status."""
    write(prefix, tmp_path)
    (tmp_path / "broken.prefix.json").write_text("{")
    script = tmp_path / "agent.py"
    script.write_text(AGENT.format(body=repr(make_body())))
    command = f'{{ "{sys.executable}" "{script}"; echo $? >"{tmp_path}/status"; }} {streams}'
    ran = subprocess.run(
        ["bash", "-c", command],
        env={"PREFIXWARM_PREFIXES": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (tmp_path / "status").read_text() == "42\n"
    assert "Traceback" not in ran.stderr
    assert "Exception" not in ran.stderr
