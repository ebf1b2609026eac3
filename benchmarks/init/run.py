"""What the layer costs a cold start: paired runs under AWS's runtime emulator, medians.

``python benchmarks/init/run.py [--rounds 12] [--write]``; ``--write`` puts the tables into
docs/init-phase.md. Twelve rounds take some eleven minutes. Needs openssl; callgrind's figures need
valgrind; a writable cgroup gives 0.29 vCPU, and keeps the machine's other work out of the figures.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING

from compared_functions import KEY, code_folder, our_layer, sdk_layer
from cpu import SHARES, ahead_of_others, limited, quota_possible
from paired import Values, interval, turns

from prefixwarm.local.emulated_function import Function
from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.toolchain import Tools
from prefixwarm_layer.pyodide import BUILDS

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "init-phase.md"
# The descriptor that the launcher gives its child.
WITH_WORD = ("bash", "-c", 'exec "$@" 3>/dev/null', "bash")
# A process begins with its parent's memory, which counts as its own peak: so not this one's.
SMALL_PARENT = (
    "import os, sys; pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); "
    "used = os.wait4(pid, 0)[2]; print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
)
VARIANTS = {
    "none": "no layer",
    "warm": "the layer, prefix already warm",
    "cold": "the layer, prefix cold: writes it",
    "handler": "warm call in the handler's module, with the SDK",
    "extension": "an extension that imports the SDK",
}
# A heavy function takes more or less CPU from run to run; the layer can only add waiting.
WAITING = {
    "none": "… waiting in it, not the function's own CPU time",
    "warm": "… waiting alone, prefix already warm",
    "cold": "… waiting alone, prefix cold",
}


@dataclass
class Bench:
    """The running server, and what is compared."""

    port: int
    code: Path
    ours: Path
    sdk: Path
    tools: Tools
    worlds: int = 0

    def environment(self, variant: str) -> dict[str, str]:
        """Settings; each run has a world of its own, so that each cold one is cold."""
        self.worlds += 1
        world = "warm" if variant == "warm" else f"cold{self.worlds}"
        # Two names, so that the two services have a connection each.
        provider, table = f"127.0.0.1:{self.port}/{world}", f"localhost:{self.port}/{world}"
        return {
            "HOME": "/tmp",
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": f"https://{provider}",
            "AWS_ENDPOINT_URL_DYNAMODB": f"https://{table}",
            "PREFIXWARM_TABLE": "warm-state",
        }

    def function(self, weight: str, variant: str) -> Function:
        """One function in one variant."""
        layers = {"warm": self.ours, "cold": self.ours, "extension": self.sdk}
        return Function(
            self.code,
            handler=f"{weight}{'_sdk' if variant == 'handler' else ''}.handler",
            layers=(layers[variant],) if variant in layers else (),
            env=self.environment(variant),
            timeout=60,
        )

    def _started(self, weight: str, variant: str, share: str) -> Environment:
        for left in (2, 1, 0):
            try:
                with limited(share):
                    return Environment(self.function(weight, variant), tools=self.tools).start()
            except LocalCloudError:  # noqa: PERF203
                # A busy machine: it shows in the environment's start, which is not measured.
                if not left:
                    raise
        raise AssertionError

    def init_ms(self, weight: str, variant: str, share: str) -> tuple[float, float]:
        """The init phase of one fresh environment, and how much of it the function's process spent
        waiting rather than computing."""
        environment = self._started(weight, variant, share)
        try:
            answer = environment.invoke()
            own_cpu_ms = cpu_ms(function_process(environment))
        finally:
            environment.close()
        if answer.payload != weight or answer.init_ms is None:
            raise RuntimeError(f"{variant}: {answer.payload} {answer.log}")
        return answer.init_ms, answer.init_ms - own_cpu_ms


def function_process(environment: Environment) -> int:
    """The process id of the environment's Python runtime."""
    emulator = environment._pid()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(emulator) and b"awslambdaric" in (process / "cmdline").read_bytes():
                return int(process.name)
    raise RuntimeError("the environment has no Python runtime")


def cpu_ms(process: int) -> float:
    """CPU milliseconds of another process, by its clock; see clock_getcpuclockid(3)."""
    return time.clock_gettime((~process << 3) | 2) * 1000


@contextmanager
def bench() -> Iterator[tuple[Bench, int]]:
    """Start the server, and build everything."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        work.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, HERE / "server.py", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        assert server.stdin is not None
        port = int(server.stdout.readline())
        ours, size = our_layer(work, work / "ca.pem")
        try:
            yield Bench(port, code_folder(work / "ca.pem"), ours, sdk_layer(work), Tools()), size
        finally:
            server.stdin.close()
            server.wait()


def measured(bench: Bench, rounds: int) -> tuple[Values, Values]:
    """Milliseconds by function, variant and share: the whole init phase, and the waiting in it."""
    shares = [name for name in SHARES if name != "0.29 vCPU" or quota_possible()]
    whole, waiting, order = Values(), Values(), turns(rounds, shares)
    for weight, share in {(turn.weight, turn.share) for turn in order}:
        bench.init_ms(weight, "cold", share)  # what the first run of all reads from the disk
    for number, turn in enumerate(order):
        for variant in turn.variants:
            both = bench.init_ms(turn.weight, variant, turn.share)
            whole.add(turn, number, variant, both[0])
            waiting.add(turn, number, variant, both[1])
        print(f"turn {number + 1} of {len(order)}: {turn.weight}, {turn.share}", file=sys.stderr)
    return whole, waiting


def table(values: Values, waiting: Values) -> list[str]:
    """Added milliseconds: median of the paired differences, and how sure that is."""
    measured = {(weight, share) for weight, _, share in values.of}
    columns = [(w, s) for w in ("light", "heavy") for s in SHARES if (w, s) in measured]
    heads = [f"{weight}, {share}" for weight, share in columns]
    lines = [
        "| added to the init phase, ms | " + " | ".join(heads) + " |",
        "|---|" + "---:|" * len(heads),
    ]
    for variant, words in VARIANTS.items():
        cells = [_cell(values, weight, variant, share) for weight, share in columns]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
        if variant in WAITING:
            cells = [_cell(waiting, weight, variant, share) for weight, share in columns]
            lines.append(f"| {WAITING[variant]} | " + " | ".join(cells) + " |")
    return lines


def _cell(values: Values, weight: str, variant: str, share: str) -> str:
    if variant == "none":
        return f"*{values.base(weight, share):.0f} in all*"
    added = values.added(weight, variant, share)
    median, low, high = interval(added)
    return f"{median:+.0f} [{low:+.0f} … {high:+.0f}], n = {len(added)}"


def child_command(home: Path) -> list[str]:
    """The Python part, as the launcher starts it."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    return [str(python), "-I", "-S", "-OO", str(home / "bootstrap.py"), "9000"]


def from_sources(bench: Bench) -> Path:
    """The Python part for a Python whose bytecode the layer lacks."""
    home = bench.ours / "sources"
    shutil.copytree(bench.ours / "prefixwarm", home)
    (home / "code" / MAGIC_NUMBER.hex()).unlink()
    return home


def child_environment(bench: Bench, variant: str) -> dict[str, str]:
    """Outside the emulator, where the layer lies elsewhere."""
    return {
        **Function(bench.code, env=bench.environment(variant)).environment(),
        "PREFIXWARM_PREFIXES": str(bench.ours / "prefixwarm" / "prefixes"),
        "SSL_CERT_DIR": str(bench.ours / "prefixwarm" / "ca"),
        "PATH": os.environ["PATH"],
        "LD_LIBRARY_PATH": "",
    }


def resources(command: list[str], env: dict[str, str], rounds: int) -> tuple[float, float]:
    """CPU milliseconds (median) and resident megabytes (largest) of one process."""
    used = [
        subprocess.run(
            [*WITH_WORD, command[0], "-I", "-S", "-c", SMALL_PARENT, *command],
            env=env,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout.split()[-2:]
        for _ in range(rounds)
    ]
    cpu = statistics.median(float(seconds) * 1000 for seconds, _ in used)
    return cpu, max(int(kilobytes) / 1024 for _, kilobytes in used)


def instructions(command: list[str], env: dict[str, str]) -> float | None:
    """Millions of instructions from start to end, by callgrind; None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        done = subprocess.run(
            [*WITH_WORD, *tool, *command],
            env=env,
            capture_output=True,
            text=True,
        )
    refs = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    return int(refs[1]) / 1e6 if refs else None


def processes(bench: Bench, rounds: int) -> list[str]:
    """CPU, memory and instructions of the processes by themselves."""
    lines = [
        "| process | CPU, ms | resident, MB | instructions, M |",
        "|---|---:|---:|---:|",
    ]
    home = bench.ours / "prefixwarm"
    python = child_command(home)[0]
    sdk = [python, "-c", "import sys; sys.path.insert(0, '/var/task'); import warm"]
    sdk[2] = sdk[2].replace("/var/task", str(bench.code))
    text = (bench.code / "warm.py").read_text().replace("/var/task", str(bench.code))
    (bench.code / "warm_here.py").write_text(text)
    sdk[2] = sdk[2].replace("import warm", "import warm_here")
    rows = [
        ("the layer's Python part, prefix warm", child_command(home), "warm"),
        ("the layer's Python part, prefix cold", child_command(home), "cold"),
        ("… warm, from the sources", child_command(from_sources(bench)), "warm"),
        ("the same warm call with the SDK", sdk, "cold"),
        ("Python alone (`-I -S -c pass`)", [python, "-I", "-S", "-c", "pass"], "warm"),
    ]
    for words, command, variant in rows:
        env = child_environment(bench, variant)
        cpu, resident = resources(command, env, rounds)
        count = instructions(command, child_environment(bench, variant))
        shown = "-" if count is None else f"{count:.0f}"
        lines.append(f"| {words} | {cpu:.0f} | {resident:.1f} | {shown} |")
    return lines


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="put the tables into docs")
    options = parser.parse_args()
    with ahead_of_others(), bench() as (parts, size):
        words = (
            f"{platform.python_implementation()} {platform.python_version()}, "
            f"{os.cpu_count()} cores, {options.rounds} rounds; median of the n paired differences "
            f"[95 % confidence interval]. Layer without prefixes: {size / 1000:.0f} kB with what "
            f"agents import, bytecode for {', '.join(build.python for build in BUILDS)}."
        )
        report = [
            words,
            "",
            *table(*measured(parts, options.rounds)),
            "",
            *processes(parts, options.rounds),
        ]
    if not quota_possible():
        report.append("\n0.29 vCPU: not measured, as cgroups cannot be written here.")
    print("\n".join(report))
    if options.write:
        begin, end = "<!-- benchmarks/init: begin -->", "<!-- benchmarks/init: end -->"
        before, _, rest = DOCS.read_text().partition(begin)
        DOCS.write_text(
            f"{before}{begin}\n" + "\n".join(report) + f"\n{end}" + rest.partition(end)[2]
        )


if __name__ == "__main__":
    main()
