"""What the layer costs a cold start without Python: paired runs of a Node.js function, medians.

``python benchmarks/init/asking.py [--rounds 12] [--write]``; ``--write`` puts the table into
docs/runtimes.md. State reads and invocations are signed and go over TLS; a cold prefix is asked for
of the deployed keep-warm function, which runs under the emulator as well. Needs openssl and, for
0.29 vCPU, a writable cgroup.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compared_functions import our_layer, prefix
from cpu import SHARES, ahead_of_others, limited, quota_possible
from paired import interval

from prefixwarm.local.emulated_function import Function
from prefixwarm.local.emulator import Environment
from prefixwarm.local.toolchain import Tools
from prefixwarm.simulator import Latency

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers.asking import asking_stack  # noqa: E402 - the path comes first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.asking import AskingStack

DOCS = ROOT / "docs" / "runtimes.md"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
LIGHT = "export const handler = async () => 'light';\n"
# In the asker's place: what starting Node.js alone costs, started as the asker is.
NODE_ALONE = 'node -e 0\nprintf "next\\n" >&3\n'
CURL, NODE = ("bash", "curl", "node"), ("bash", "node")
VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "none": ("no layer", CURL),
    "curl": ("the layer asks by curl, prefix already warm", CURL),
    "node": ("the layer asks by Node.js, prefix already warm", NODE),
    "alone": ("`node -e 0` in the asker's place", NODE),
    "curl, cold": ("the layer asks by curl, prefix cold: written meanwhile", CURL),
    "node, cold": ("the layer asks by Node.js, prefix cold: written meanwhile", NODE),
}
WARM, WRITTEN = '"reason":"warm"', '"outcome":"written"'
SAYS = {"curl": WARM, "node": WARM, "curl, cold": WRITTEN, "node, cold": WRITTEN}
# As the provider's write in the other benchmark.
WRITE = Latency(base=0.8, prefill_rate=1e9, read_rate=1e9, output_rate=1e9)


@dataclass
class Bench:
    """The servers, and what is compared."""

    port: int
    code: Path
    layers: dict[str, Path]
    tools: Tools
    stack: AskingStack

    def function(self, variant: str) -> Function:
        """The light function in one variant; each cold run has a world of its own."""
        world = "cold" if variant.endswith("cold") else "warm"
        base = f"https://localhost:{self.port}"
        return Function(
            self.code,
            handler="index.handler",
            layers=(self.layers[variant],) if variant in self.layers else (),
            env={
                "AWS_ENDPOINT_URL_DYNAMODB": f"{base}/{world}{uuid.uuid4().hex[:4]}",
                "AWS_ENDPOINT_URL_LAMBDA": base,
                "CURL_CA_BUNDLE": "/opt/authorities.pem",
                "NODE_EXTRA_CA_CERTS": "/opt/authority.pem",
                "PREFIXWARM_TABLE": "warm-state",
                "PREFIXWARM_ASK": self.stack.keep_warm,
                "PREFIXWARM_INIT_HOLD_MS": "9000",
            },
            python=None,
            node=self.tools.node(),
            programs=VARIANTS[variant][1],
            timeout=60,
        )

    def init_ms(self, variant: str, share: str) -> float:
        """The init phase of one fresh environment."""
        if variant.endswith("cold"):
            self.stack.clear()
        with limited(share):
            environment = Environment(self.function(variant), tools=self.tools).start()
        try:
            answer = environment.invoke()
        finally:
            log = environment.close()
        says = SAYS.get(variant, "")
        if answer.payload != "light" or answer.init_ms is None or says not in log:
            raise RuntimeError(f"{variant}: {answer.payload} {log}")
        return answer.init_ms


@contextmanager
def bench() -> Iterator[Bench]:
    """Deploy the keep-warm function by the CDK CLI, and start everything."""
    tools = Tools()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.chmod(0o755)
        deployed = stack.enter_context(asking_stack(tools, work, prefix()[1], WRITE))
        port = stack.enter_context(server(work, deployed.endpoint.url))
        layers = layers_of(work)
        code = work / "code"
        code.mkdir()
        (code / "index.mjs").write_text(LIGHT)
        yield Bench(port, code, layers, tools, deployed)


@contextmanager
def server(work: Path, functions: str) -> Iterator[int]:
    """The TLS server, which passes invocations on."""
    process = subprocess.Popen(
        [sys.executable, HERE / "server.py", str(work), "0.8", functions],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def layers_of(work: Path) -> dict[str, Path]:
    """The layer, and the same with Node.js alone in the asker's place."""
    authority = (work / "ca.pem").read_text()
    ours, _ = our_layer(work, work / "ca.pem")
    (ours / "authority.pem").write_text(authority)
    (ours / "authorities.pem").write_text(Path(AUTHORITIES).read_text() + authority)
    alone = shutil.copytree(ours, work / "alone")
    (alone / "prefixwarm" / "ask.sh").write_text(NODE_ALONE)
    return {name: alone if name == "alone" else ours for name in VARIANTS if name != "none"}


def measured(parts: Bench, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds by variant and share, of one round after the other."""
    draw, values = random.Random(0), defaultdict(list)
    shares = [name for name in SHARES if name != "0.29 vCPU" or quota_possible()]
    for variant in VARIANTS:
        parts.init_ms(variant, "2 cores")  # what the first run of all reads from the disk
    for number in range(rounds):
        for share in shares:
            order = list(VARIANTS)
            draw.shuffle(order)
            for variant in order:
                values[variant, share].append(parts.init_ms(variant, share))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return values


def table(values: dict[tuple[str, str], list[float]]) -> list[str]:
    """Added milliseconds: median of the paired differences, and how sure that is."""
    shares = [share for share in SHARES if ("none", share) in values]
    lines = [
        "| added to the init phase, ms | " + " | ".join(shares) + " |",
        "|---|" + "---:|" * len(shares),
    ]
    for variant, (words, _) in VARIANTS.items():
        cells = []
        for share in shares:
            base = values["none", share]
            if variant == "none":
                cells.append(f"*{statistics.median(base):.0f} in all*")
                continue
            added = [ms - without for ms, without in zip(values[variant, share], base, strict=True)]
            median, low, high = interval(added)
            cells.append(f"{median:+.0f} [{low:+.0f} … {high:+.0f}]")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="put the table into docs")
    options = parser.parse_args()
    with bench() as parts, ahead_of_others():
        node = subprocess.check_output([parts.tools.node(), "--version"], text=True).strip()
        curl = subprocess.check_output(["curl", "--version"], text=True).split()[1]
        words = (
            f"Node.js {node}, curl {curl}, {platform.machine()}, {os.cpu_count()} cores, "
            f"{options.rounds} rounds; median of the paired differences [95 % confidence interval]."
        )
        report = [words, "", *table(measured(parts, options.rounds))]
    print("\n".join(report))
    if options.write:
        begin, end = (
            "<!-- benchmarks/init/asking: begin -->",
            "<!-- benchmarks/init/asking: end -->",
        )
        before, _, rest = DOCS.read_text().partition(begin)
        _, _, after = rest.partition(end)
        DOCS.write_text(f"{before}{begin}\n" + "\n".join(report) + f"\n{end}{after}")


if __name__ == "__main__":
    main()
