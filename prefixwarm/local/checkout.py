"""Where the demo's app and agents are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefixwarm.local.errors import LocalCloudError


@dataclass(frozen=True)
class Checkout:
    """A checkout of the repository: a wheel has no example app to deploy."""

    root: Path

    @classmethod
    def here(cls) -> Checkout:
        """The checkout that this module is part of.

        Raises
        ------
        LocalCloudError
            If it is an installed wheel.
        """
        root = Path(__file__).resolve().parents[2]
        if not (root / "cdk" / "app.py").exists():
            raise LocalCloudError(
                "the demo deploys the example app, which is not in the wheel: "
                "clone the repository and run scripts/demo"
            )
        return cls(root)

    @property
    def app(self) -> Path:
        """Folder with the CDK app, ``app.py``."""
        return self.root / "cdk"

    @property
    def agent(self) -> Path:
        """Folder with the example agent, ``handler.py``."""
        return self.root / "examples" / "agent"
