"""The kernel of the constructs reads these when it starts: before any test module imports it."""

from __future__ import annotations

import os

from prefixwarm.local.toolchain import Tools

os.environ.setdefault("JSII_NODE", str(Tools().node()))
# It prints a banner when the machine's Node.js is old.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23")
