"""Functions that only say what Lambda gives them, made without the CDK and without a build."""

from __future__ import annotations

import io
import json
import time
import zipfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.verify.cloud.lambda_calls import WAIT, LambdaCalls
from prefixwarm.verify.cloud.log_lines import probe_lines
from prefixwarm.verify.cloud.verification_plan import local_architecture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.verify.cloud.aws_access import AwsAccess
    from prefixwarm.verify.cloud.run_name import RunName

PROBES = Path(__file__).with_name("probes")

_PYTHON = "import time\n\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n"
_NODE = "exports.handler = async () => ({});\n"
_RUBY = "def handler(event:, context:)\n  {}\nend\n"
# It ends at once: whether there is more than a shell here is what is to be shown.
_OWN = "#!/bin/sh\nexit 0\n"
# File, code and handler by how a runtime's name begins; what needs a build gets a text instead,
# whose start fails after the extension has run.
_CODE = {
    "python": ("handler.py", _PYTHON, "handler.handler"),
    "nodejs": ("handler.js", _NODE, "handler.handler"),
    "ruby": ("handler.rb", _RUBY, "handler.handler"),
    "provided": ("bootstrap", _OWN, "bootstrap"),
    "java": ("nothing.txt", "nothing", "example.Handler::handleRequest"),
    "dotnet": ("nothing.txt", "nothing", "Example::Example.Handler::Handle"),
}
_ROLE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
# A new role is known everywhere some seconds after it was made.
_ROLE_SECONDS = 60.0


class ProbeFunctions:
    """Makes and reads them; `Removal` takes them away again.

    Parameters
    ----------
    name
        The run's, with which all of their names begin.
    """

    def __init__(self, access: AwsAccess, name: RunName) -> None:
        self.calls = LambdaCalls(access)
        self._access = access
        self._name = name

    def layer(self, probe: str) -> str:
        """Publish a layer with one of the probes as an extension; return its ARN."""
        published = self._access.client("lambda").publish_layer_version(
            LayerName=self._name.of(Path(probe).stem.replace("_", "-")),
            Description="removed when the verification ends",
            Content={
                "ZipFile": zipped({f"extensions/{Path(probe).stem}": (PROBES / probe).read_text()})
            },
        )
        return str(published["LayerVersionArn"])

    def create(self, part: str, runtime: str, layer: str, **options: Any) -> str:
        """Make a function of a runtime with a layer; return its name.

        Raises
        ------
        botocore.exceptions.ClientError
            Where Lambda does not offer the runtime here, among others.
        """
        file, code, handler = code_for(runtime)
        settings = {
            "Runtime": runtime,
            "Handler": handler,
            "Code": {"ZipFile": zipped({file: code})},
            "Role": self.role,
            "Layers": [layer],
            "Timeout": 15,
            "MemorySize": 512,
            **options,
        }
        return self.create_function(part, settings)

    def create_function(self, part: str, settings: Mapping[str, Any]) -> str:
        """Make a function, as `CreateFunction` takes it, and wait until it can be invoked."""
        client, function = self._access.client("lambda"), self._name.of(part)
        # Lambda would make the log group by itself, but perhaps after all was removed.
        self._access.client("logs").create_log_group(logGroupName=self._name.log_group(function))
        end = time.monotonic() + _ROLE_SECONDS
        while True:
            try:
                client.create_function(
                    FunctionName=function,
                    Architectures=[local_architecture()],
                    **settings,
                )
                break
            except client.exceptions.InvalidParameterValueException as error:
                if "assumed" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(3)
        client.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig=WAIT)
        return function

    def lines(self, function: str, probe: str, enough: int = 1) -> list[dict[str, Any]]:
        """What a probe wrote to the function's log, once there is enough of it or time is over."""
        return self.calls.logged(function, lambda log: probe_lines(log, probe), enough)

    @cached_property
    def role(self) -> str:
        """ARN of a role that may write logs, and nothing else; made on first use."""
        client = self._access.client("iam")
        name = self._name.of("probe")
        made = client.create_role(
            RoleName=name, Path=self._name.path, AssumeRolePolicyDocument=json.dumps(_ROLE)
        )
        groups = f"arn:*:logs:*:{self._access.account}:log-group:/aws/lambda/{self._name.text}*"
        allowed = {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": groups,
        }
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        client.put_role_policy(RoleName=name, PolicyName="logs", PolicyDocument=json.dumps(policy))
        return str(made["Role"]["Arn"])


def code_for(runtime: str) -> tuple[str, str, str]:
    """File, code and handler of a probe function.

    Raises
    ------
    UsageError
        When there are none for such a runtime.
    """
    for start, code in _CODE.items():
        if runtime.startswith(start):
            return code
    raise UsageError(f"--runtime {runtime}: name one that begins with {', '.join(_CODE)}")


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip of these texts by path, all of which may be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()
