"""The zips that are deployed: the layer, and the keep-warm function's code.

Both are built at release and shipped in the wheel, so that every machine deploys the same
bytes; from a checkout they are built when first asked for.
"""

from prefixwarm_layer.build import build_keepwarm, build_layer
from prefixwarm_layer.bytecode import RUNTIMES
from prefixwarm_layer.export import package
from prefixwarm_layer.manifest import manifest_entry, manifest_text, state_keys

__all__ = [
    "RUNTIMES",
    "build_keepwarm",
    "build_layer",
    "manifest_entry",
    "manifest_text",
    "package",
    "state_keys",
]
