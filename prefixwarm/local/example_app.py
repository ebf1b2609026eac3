"""Finds the example that the demo deploys: a CDK app and its agents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefixwarm.local.errors import LocalCloudError


@dataclass(frozen=True)
class ExampleApp:
    """The example's folders, laid out as in the repository.

    Attributes
    ----------
    root : Path
        The folder that holds ``cdk/`` and ``examples/``.
    """

    root: Path

    @classmethod
    def installed(cls) -> ExampleApp:
        """Find the example in this module's checkout or wheel.

        Raises
        ------
        LocalCloudError
            If neither has it, because the installation is incomplete.
        """
        module = Path(__file__).resolve()
        # The wheel has a copy beside this module; see pyproject.toml.
        for root in (module.parents[2], module.parent / "example"):
            if (root / "cdk" / "app.py").exists():
                return cls(root)
        raise LocalCloudError(
            f"{module.parent / 'example'}: the example app is missing; install prefixwarm again"
        )

    @property
    def app(self) -> Path:
        """Folder with the CDK app, ``app.py``."""
        return self.root / "cdk"

    @property
    def agent(self) -> Path:
        """Folder with the example agent, ``handler.py``."""
        return self.root / "examples" / "agent"
