"""Lambda's whole API on this machine: MiniStack's, whose invocations run under AWS's emulator."""

from __future__ import annotations

import base64
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2

from prefixwarm.local.deployment import Deployment
from prefixwarm.local.emulated_function import Function
from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools

_TAIL = 4096
_HOP = ("host", "connection", "content-length", "transfer-encoding", "content-encoding", "date")


class LambdaApi:
    """Set `AWS_ENDPOINT_URL_LAMBDA` to its `url`; use it as a context manager.

    As on Lambda, a function's next invocation starts anew once its configuration has changed, what
    was written goes to its log group, and the tail of it ends with a REPORT line.

    Parameters
    ----------
    before
        Is called with a function's name before each invocation; what it raises breaks the
        connection.

    Attributes
    ----------
    refused : tuple of str
        HTTP methods that the caller may not use.
    """

    def __init__(
        self,
        aws: LocalAws,
        tools: Tools,
        work: Path,
        before: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.before = before
        self.refused: tuple[str, ...] = ()
        self._aws = aws
        self._tools = tools
        self._deployment = Deployment(aws, tools, work)
        self._environments: dict[str, tuple[str, Environment]] = {}
        self._logged: dict[str, int] = {}
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LambdaApi:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for name in list(self._environments):
            self._forget(name)

    def passed_on(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """MiniStack's answer to what is no invocation."""
        if method in self.refused:
            error = json.dumps({"Message": "User is not authorized", "Type": "User"}).encode()
            return 403, {"x-amzn-ErrorType": "AccessDeniedException"}, error
        kept = {name: text for name, text in headers.items() if name.lower() not in _HOP}
        if method == "DELETE" and "/functions/" in path:
            self._forget(unquote(path.rpartition("/")[2].partition("?")[0]))
        with httpx2.Client(trust_env=False, timeout=60) as client:
            reply = client.request(method, self._aws.url + path, headers=kept, content=body)
        kept = {name: text for name, text in reply.headers.items() if name.lower() not in _HOP}
        return reply.status_code, kept, reply.content

    def invoked(self, name: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """The answer to one invocation."""
        self.before(name)
        with self._lock:
            environment = self._environment(name)
            try:
                answer = environment.invoke(json.loads(body or b"null"))
            except LocalCloudError:
                # Its emulator has ended, as on a busy machine it may: a client that asks again
                # gets another environment, as on Lambda.
                self._end(name)
                raise
            self._log(name)
        log = _without_extensions(answer.log) + _report(answer)
        headers = {"X-Amz-Log-Result": base64.b64encode(log.encode()[-_TAIL:]).decode()}
        failed = answer.status != 200 or (
            isinstance(answer.payload, dict) and "errorType" in answer.payload
        )
        if failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return 200, headers, json.dumps(answer.payload).encode()

    def _environment(self, name: str) -> Environment:
        """The function's environment: the one that it has, unless it was changed since."""
        client = self._aws.client("lambda")
        settings = client.get_function_configuration(FunctionName=name)
        made_of = json.dumps([settings["CodeSha256"], settings.get("Environment")])
        if name in self._environments and self._environments[name][0] != made_of:
            self._end(name)
        if name not in self._environments:
            environment = Environment(self._function(name, settings), tools=self._tools).start()
            self._environments[name] = made_of, environment
        return self._environments[name][1]

    def _function(self, name: str, settings: dict[str, Any]) -> Function:
        if settings["Runtime"].startswith(("python", "nodejs")):
            return self._deployment.function(name)
        # A file system with a shell, and with nothing else that its extensions might use.
        client = self._aws.client("lambda")
        layers = (layer["Arn"] for layer in settings.get("Layers", []))
        locations = [client.get_layer_version_by_arn(Arn=arn) for arn in layers]
        unzipped = self._deployment._unzipped
        return Function(
            code=unzipped(client.get_function(FunctionName=name)["Code"]["Location"]),
            handler=settings["Handler"],
            layers=tuple(unzipped(layer["Content"]["Location"]) for layer in locations),
            name=name,
            timeout=settings["Timeout"],
            python=None,
            programs=("sh", "bash", "dash", "tr"),
        )

    def _end(self, name: str) -> None:
        _, environment = self._environments.pop(name)
        text = environment.close()
        self._put(name, text[self._logged.pop(name, 0) :])

    def _forget(self, name: str) -> None:
        """A function that is gone takes its environment with it, and logs nothing more."""
        self._logged.pop(name, None)
        if name in self._environments:
            self._environments.pop(name)[1].kill()

    def _log(self, name: str) -> None:
        text = self._environments[name][1].log
        self._put(name, text[self._logged.get(name, 0) :])
        self._logged[name] = len(text)

    def _put(self, name: str, text: str) -> None:
        client = self._aws.client("logs")
        settings = self._aws.client("lambda").get_function_configuration(FunctionName=name)
        group = settings.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        stream = f"stream-{time.time_ns()}"
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines or not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _without_extensions(log: str) -> str:
    """What a function itself wrote: nothing promises more of the tail of a log."""
    lines = log.splitlines()
    return "\n".join(line for line in lines if '"by":"init"' not in line and '"probe"' not in line)


def _report(answer: Invocation) -> str:
    """As Lambda writes it; https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html."""
    init = "" if answer.init_ms is None else f"Init Duration: {answer.init_ms:.2f} ms\t"
    return (
        "\nREPORT RequestId: 8f507cfc-0000-0000-0000-000000000000\tDuration: 79.67 ms\t"
        f"Billed Duration: 80 ms\tMemory Size: 128 MB\tMax Memory Used: 73 MB\t{init}\n"
    )


def _handler(api: LambdaApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            address = urlsplit(self.path)
            _, _, rest = address.path.partition("/functions/")
            name, _, action = rest.partition("/")
            if action == "invocations":
                assert parse_qs(address.query).get("Qualifier")
                status, headers, data = api.invoked(unquote(name), body)
            else:
                status, headers, data = api.passed_on(
                    self.command, self.path, dict(self.headers), body
                )
            self.send_response(status)
            for header, text in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(header, text)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
