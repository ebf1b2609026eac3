"""Record what an agent sends: its model traffic goes through an endpoint on loopback."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from prefixwarm.capture.endpoint import Tape, serving
from prefixwarm.capture.upstream import Upstream
from prefixwarm.errors import UsageError
from prefixwarm.provider.routes import CONVERSE, ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest, OtherRequest
    from prefixwarm.capture.upstream import Credentials
    from prefixwarm.provider.routes import Route


# The simulator takes any key; this one lets an agent start where none is set.
_DUMMY_KEY = "prefixwarm-capture"
_REGION = "us-east-1"
_AWS_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# Other names under which frameworks look for the same base URL.
_ALIASES = {
    "anthropic": ("ANTHROPIC_API_URL", "ANTHROPIC_API_BASE"),
    CONVERSE: ("AWS_BEDROCK_RUNTIME_ENDPOINT",),
}


@dataclass
class Recording:
    """A recording that is under way.

    Attributes
    ----------
    environ : dict of str to str
        What to add to the agent's environment.
    """

    environ: dict[str, str] = field(default_factory=dict)
    tape: Tape = field(default_factory=Tape)

    @property
    def requests(self) -> list[CapturedRequest]:
        """The requests for messages so far, oldest first."""
        return self.tape.requests

    @property
    def others(self) -> list[OtherRequest]:
        """The other requests so far, such as those to another API."""
        return self.tape.others


@contextmanager
def record(
    *,
    forward: bool = False,
    environ: Mapping[str, str] | None = None,
    credentials: Credentials | None = None,
) -> Iterator[Recording]:
    """Serve the recording endpoint while the block runs.

    Parameters
    ----------
    forward : bool
        Let the provider answer (and bill); by default the simulator does.
    environ : mapping of str to str, optional
        The agent's environment; this process's by default. Its base URLs say where to forward to.
    credentials : callable, optional
        With `forward`, the AWS credentials to sign with on the routes of AWS.

    Yields
    ------
    Recording
        Start the agent with its `environ` added; read its `requests` afterwards.
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
            url = stack.enter_context(serving(far, recording.tape))
            recording.environ |= _base_urls(ROUTES[name], url)
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
    """Run the agent to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    recording : Recording
        From `record`.
    output : file or int, optional
        Where the agent's standard output goes.

    Returns
    -------
    int
        Its exit code.

    Raises
    ------
    UsageError
        When there is no such program.
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
    """Where the agent itself would send; boto3 also knows a variable for all services."""
    names = [route.base_url_variable, *(["AWS_ENDPOINT_URL"] if route.name == CONVERSE else [])]
    return next((environ[name] for name in names if environ.get(name)), route.base_url)


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or _REGION


def _base_urls(route: Route, url: str) -> dict[str, str]:
    return dict.fromkeys((route.base_url_variable, *_ALIASES.get(route.name, ())), url)


def _no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    variables = {}
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = ",".join(filter(None, (environ.get(name), "127.0.0.1,localhost")))
    return variables


def _dummy_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """What an agent needs to start, where it has nothing of its own."""
    wanted = {"ANTHROPIC_AWS_WORKSPACE_ID": "wrkspc_capture"}
    wanted |= dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), _region(environ))
    if not environ.get("ANTHROPIC_AUTH_TOKEN"):
        wanted["ANTHROPIC_API_KEY"] = _DUMMY_KEY
    # Keys rather than a bearer token: the SDK refuses a token beside keys given in code.
    if not any(environ.get(name) for name in _AWS_CREDENTIALS):
        wanted |= {"AWS_ACCESS_KEY_ID": "AKIACAPTURE", "AWS_SECRET_ACCESS_KEY": _DUMMY_KEY}
    return {name: value for name, value in wanted.items() if not environ.get(name)}
