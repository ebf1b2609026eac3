"""The functions and layers that are compared."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from prefixwarm.local.toolchain import default_cache
from prefixwarm.prefix import prefix_file
from prefixwarm_layer.zips import build_layer
from tests.helpers.derived import derive

KEY = "sk-ant-benchmark"
LIGHT = "def handler(event, context):\n    return 'light'\n"
HEAVY = """
import anthropic, boto3
client = anthropic.Anthropic(base_url="https://localhost", api_key="k")
table = boto3.client("dynamodb", region_name="us-east-1")
def handler(event, context):
    return "heavy"
"""
# What people do today: warm in the handler's module, with the SDK.
WARM = """
import json, os
os.environ["SSL_CERT_FILE"] = "/var/task/ca.pem"
import anthropic
with open("/var/task/request.json") as file:
    anthropic.Anthropic(max_retries=0).messages.create(**{**json.load(file), "max_tokens": 1})
"""
SDK_EXTENSION = """#!/var/lang/bin/python3
import http.client, os, sys
sys.path[:0] = ["/var/task"]
def call(method, path, headers, body=None):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, "/2020-01-01/extension/" + path, body, headers)
    reply = connection.getresponse()
    reply.read()
    return reply.headers.get("Lambda-Extension-Identifier")
name = {"Lambda-Extension-Name": "sdk"}
me = {"Lambda-Extension-Identifier": call("POST", "register", name, '{"events":["SHUTDOWN"]}')}
import warm
call("GET", "event/next", me)
"""


def prefix() -> tuple[prefix_file.PrefixFile, dict[str, object]]:
    """The example agent's prefix, and its request."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "agent"))
    from support import request

    body = request([{"role": "user", "content": "hi"}])
    headers = {"anthropic-version": "2023-06-01"}
    return prefix_file.build("support", derive(body), headers=headers), body


def code_folder(certificate: Path) -> Path:
    """``/var/task`` with every handler, and the SDK as an agent would bundle it."""
    folder = default_cache() / f"benchmark-sdk-{sys.version_info.major}.{sys.version_info.minor}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(unfinished)]
        subprocess.run([*pip, "anthropic>=2.11,<3"], check=True)
        unfinished.rename(folder)
    handlers = {"light": LIGHT, "heavy": HEAVY, "warm": WARM}
    handlers |= {f"{name}_sdk": f"{WARM}\n{handlers[name]}" for name in ("light", "heavy")}
    for name, text in handlers.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "request.json").write_text(json.dumps(prefix()[1]))
    shutil.copy(certificate, folder / "ca.pem")
    return folder


def our_layer(work: Path, certificate: Path) -> tuple[Path, int]:
    """The built layer, with the server's authority among its roots; and its size without prefix."""
    size = build_layer(work / "bare.zip").stat().st_size
    archive = build_layer(work / "layer.zip", [prefix_file.write(prefix()[0], work)])
    target = work / "layer"
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            Path(content.extract(entry, target)).chmod(entry.external_attr >> 16 & 0o777)
    openssl = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    name = subprocess.run(openssl, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(certificate, target / "prefixwarm" / "ca" / f"{name}.0")
    return target, size


def sdk_layer(work: Path) -> Path:
    """An extension that does the same with the SDK."""
    program = work / "sdk" / "extensions" / "sdk"
    program.parent.mkdir(parents=True)
    program.write_text(SDK_EXTENSION)
    program.chmod(0o755)
    return work / "sdk"
