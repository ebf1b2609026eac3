"""What `attach(observe=...)` gives a function, and what it refuses."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Fn, assertions
from aws_cdk import aws_lambda as lambda_

from prefixwarm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

WRAPPER = "/opt/prefixwarm/wrapper"
VARIABLE = "AWS_LAMBDA_EXEC_WRAPPER"


def variables(bench: Any, read: Any) -> Mapping[str, str]:
    """Those of the agent."""
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    (agent,) = [f for f in functions if f["Handler"] == "index.handler"]
    return dict(agent["Environment"]["Variables"])


def layers(bench: Any) -> list[set[str]]:
    """The files of the layers."""
    bench.template()
    folder = Path(bench.stack.node.root.asset_outdir) / ".prefixwarm"
    zips = [zipfile.ZipFile(path) for path in sorted(folder.glob("layer-*.zip"))]
    return [set(archive.namelist()) for archive in zips]


def test_the_layer_brings_observe(bench: Any, read: Any) -> None:
    """And nothing switches it on: the agent does, with a line."""
    bench.warmer().attach(bench.function())
    assert VARIABLE not in variables(bench, read)
    (files,) = layers(bench)
    assert "python/prefixwarm.py" in files
    assert "prefixwarm/python/prefixwarm/observe/observer.py" in files


def test_it_can_be_left_out(bench: Any) -> None:
    """By a layer of its own."""
    warmer = bench.warmer()
    warmer.attach(bench.function(name="A"), observe=False)
    warmer.attach(bench.function(name="B"))
    assert [("python/prefixwarm.py" in files) for files in layers(bench)] in (
        [True, False],
        [False, True],
    )


def test_auto_starts_the_runtime_through_the_wrapper(bench: Any, read: Any) -> None:
    """Which calls nobody else."""
    bench.warmer().attach(bench.function(), observe="auto")
    environment = variables(bench, read)
    assert environment[VARIABLE] == WRAPPER
    assert "PREFIXWARM_EXEC_WRAPPER" not in environment
    assert WRAPPER.removeprefix("/opt/") in layers(bench)[0]


def test_a_wrapper_of_the_functions_own_is_called_in_turn(bench: Any, read: Any) -> None:
    """The layer's is called first."""
    function = bench.function(environment={VARIABLE: "/opt/bootstrap"})
    bench.warmer().attach(function, observe="auto")
    environment = variables(bench, read)
    assert (environment[VARIABLE], environment["PREFIXWARM_EXEC_WRAPPER"]) == (
        WRAPPER,
        "/opt/bootstrap",
    )


def test_a_wrapper_that_is_set_later_is_refused_at_synth(bench: Any) -> None:
    """It would take ours away without a word."""
    function = bench.function()
    bench.warmer().attach(function, observe="auto")
    function.add_environment(VARIABLE, "/opt/late")
    with pytest.raises(Exception, match="became '/opt/late' after it was attached"):
        assertions.Template.from_stack(bench.stack)


def test_what_auto_cannot_do(bench: Any) -> None:
    """Each with the way round."""
    warmer = bench.warmer()
    node = bench.function(name="N", runtime=lambda_.Runtime.NODEJS_22_X)
    with pytest.raises(UsageError, match="needs a Python runtime"):
        warmer.attach(node, observe="auto")
    token = Fn.import_value("wrapper")
    with pytest.raises(UsageError, match="known at deployment only; write it as a text"):
        warmer.attach(bench.function(name="T", environment={VARIABLE: token}), observe="auto")
    with pytest.raises(UsageError, match=r'write True, False or "auto"$'):
        warmer.attach(bench.function(name="O"), observe="always")
