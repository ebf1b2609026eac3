"""Records an agent's model traffic through an endpoint on loopback."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from prefixwarm.capture.endpoint import Tape, serving
from prefixwarm.capture.upstream import Upstream
from prefixwarm.errors import UsageError
from prefixwarm.provider.routes import AWS_WORKSPACE_ID, CONVERSE, ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefixwarm.capture.upstream import Credentials
    from prefixwarm.provider.routes import Route


# The simulator accepts any key; this one lets an agent start if none is set.
_DUMMY_KEY = "prefixwarm-capture"
_REGION = "us-east-1"
_AWS_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# Other environment variables that frameworks read for the same base URL.
_ALIASES = {
    "anthropic": ("ANTHROPIC_API_URL", "ANTHROPIC_API_BASE"),
    CONVERSE: ("AWS_BEDROCK_RUNTIME_ENDPOINT",),
}


@dataclass
class Recording(Tape):
    """A recording in progress: the requests so far.

    Attributes
    ----------
    environ : dict of str to str
        Variables to add to the agent's environment.
    """

    environ: dict[str, str] = field(default_factory=dict)


@contextmanager
def record(
    *,
    forward: bool = False,
    environ: Mapping[str, str] | None = None,
    credentials: Credentials | None = None,
) -> Iterator[Recording]:
    """Serve the recording endpoint during the block.

    Parameters
    ----------
    forward : bool
        Whether the provider answers (and bills); by default the simulator answers.
    environ : mapping of str to str, optional
        The agent's environment; by default this process's. Requests are forwarded to its base URLs.
    credentials : callable, optional
        With `forward`, the AWS credentials to sign with on AWS routes.

    Yields
    ------
    Recording
        Start the agent with `environ` added, and read `requests` afterwards.
    """
    surroundings = dict(os.environ if environ is None else environ)
    recording = Recording()
    with ExitStack() as stack:
        if forward:
            bases = {name: _far_base(route, surroundings) for name, route in ROUTES.items()}
        else:
            bases = stack.enter_context(_simulated())
        for name, base in bases.items():
            far = Upstream(ROUTES[name], base, surroundings, credentials if forward else None)
            url = stack.enter_context(serving(far, recording))
            recording.environ |= base_urls({name: url})
        recording.environ |= _no_proxy(surroundings)
        if not forward:
            recording.environ |= _dummy_credentials(surroundings)
        yield recording


def run(
    command: Sequence[str],
    recording: Recording,
    *,
    output: IO[str] | int | None = None,
) -> int:
    """Run the agent until it exits.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    recording : Recording
        From `record`.
    output : file or int, optional
        The agent's standard output.

    Returns
    -------
    int
        Its exit code.

    Raises
    ------
    UsageError
        The program does not exist.
    """
    environ = {**os.environ, **recording.environ}
    try:
        return subprocess.run(command, env=environ, stdout=output, check=False).returncode  # noqa: S603
    except OSError as error:
        raise UsageError(f"{command[0]}: cannot be run: {error.strerror}") from error


@contextmanager
def _simulated() -> Iterator[dict[str, str]]:
    from prefixwarm.simulator import running

    with running(clock="manual") as simulator:
        yield {**dict.fromkeys(ROUTES, simulator.url), "bedrock-mantle": simulator.mantle_url}


def _far_base(route: Route, environ: Mapping[str, str]) -> str:
    """The agent's own destination; boto3 also has one variable for all services."""
    names = [route.base_url_variable, *(["AWS_ENDPOINT_URL"] if route.name == CONVERSE else [])]
    return next((environ[name] for name in names if environ.get(name)), route.base_url)


def base_urls(urls: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead an agent's requests to these addresses, by route."""
    return {
        variable: url
        for name, url in urls.items()
        for variable in (ROUTES[name].base_url_variable, *_ALIASES.get(name, ()))
    }


def _no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: ",".join(filter(None, (environ.get(name), "127.0.0.1,localhost")))
        for name in ("NO_PROXY", "no_proxy")
    }


def _dummy_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Dummy credentials with which an agent can start if it has none."""
    wanted = {AWS_WORKSPACE_ID: "wrkspc_capture"}
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or _REGION
    wanted |= dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), region)
    if not environ.get("ANTHROPIC_AUTH_TOKEN"):
        wanted["ANTHROPIC_API_KEY"] = _DUMMY_KEY
    # Keys rather than a bearer token: the SDK refuses a token together with keys set in code.
    if not any(environ.get(name) for name in _AWS_CREDENTIALS):
        wanted |= {"AWS_ACCESS_KEY_ID": "AKIACAPTURE", "AWS_SECRET_ACCESS_KEY": _DUMMY_KEY}
    return {name: value for name, value in wanted.items() if not environ.get(name)}
