"""Points a deployed function to the local AWS API and the simulated provider."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from prefixwarm import settings
from prefixwarm.local import simulated_provider

if TYPE_CHECKING:
    from pathlib import Path

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.simulator import Simulator


_EXTENSION = "extensions/prefixwarm"
_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
# This machine may be slower than Lambda, which must not end an invocation.
_LEAST_TIMEOUT = 60
_NO_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS")


def with_local_services(
    function: Function, aws: LocalAws, simulator: Simulator, *, lambda_url: str
) -> Function:
    """Return the function with local addresses and accounts in its environment.

    Parameters
    ----------
    lambda_url
        Endpoint for invoking functions.
    """
    own = {
        name: value for name, value in function.env.items() if not name.startswith(_NO_ENDPOINTS)
    }
    here = {**aws.environment(), "AWS_ENDPOINT_URL_LAMBDA": lambda_url}
    variables = {**own, **here, **simulated_provider.addresses(simulator)}
    timeout = max(_LEAST_TIMEOUT, function.timeout)
    return replace(function, env=variables, timeout=timeout)


def without_prefixwarm(function: Function, work: Path) -> Function:
    """Return the function without the extension, but with the modules its code may import.

    Parameters
    ----------
    work
        Private folder for the changed layer.
    """
    variables = {**function.env, settings.DISABLED: "1"}
    before = variables.pop(settings.EXEC_WRAPPER, "")
    if before or variables.get(_WRAPPER, "").startswith("/opt/prefixwarm/"):
        variables.pop(_WRAPPER, None)
        variables |= {_WRAPPER: before} if before else {}
    layers = tuple(_without_extension(layer, work) for layer in function.layers)
    return replace(function, env=variables, layers=layers)


def _without_extension(layer: Path, work: Path) -> Path:
    if not (layer / _EXTENSION).exists():
        return layer
    copy = work / f"{layer.name}-copy"
    if not copy.exists():
        shutil.copytree(layer, copy, symlinks=True)
        (copy / _EXTENSION).unlink()
    return copy
