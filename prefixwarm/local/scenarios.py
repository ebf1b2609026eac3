"""What is done with a deployed app: the same function without and with prefixwarm, and later."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.local.measurements import scenario
from prefixwarm.local.run_table import summary
from prefixwarm.local.simulated_provider import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefixwarm.local.measured_run import Scenario
    from prefixwarm.local.measurements import Run
    from prefixwarm.local.trial import Trial


STORM = 50
# The sibling that only asks the model, so that many of its starts overlap.
_LIGHT = "Light"
_TITLES = {
    "cold": "cold start on a cold cache, without the layer",
    "layer": "cold start on a cold cache, with the layer",
    "keepwarm": "cold start after the keep-warm function has run",
    "again": "another cold start, right after that",
    "redeployed": "cold start after the app was deployed again",
    "later": "cold start {hours:g} h later, with the keep-warm function's ticks",
}
# These start from a cold cache and an empty state; the others from what the one before has left.
_FROM_NOTHING = ("cold", "layer", "keepwarm")


@dataclass(frozen=True)
class Scenarios:
    """Runs scenarios on a deployed app.

    Parameters
    ----------
    progress
        Is called with what happens.
    hours
        How much later ``later`` is.
    """

    trial: Trial
    progress: Callable[[str], None]
    hours: float = 0.0

    def run(self, names: Sequence[str], repeats: int = 1) -> list[Scenario]:
        """Run these, in this order.

        Those that start from nothing take turns when they are repeated, so that a slow moment of
        the machine hits all of them alike; the others come last, and once.

        Raises
        ------
        NoModelCallError
            If the function does not call its model.
        """
        stack = self.trial.stack
        self.progress(
            "one start that is not measured, so that all others find their files in memory"
        )
        stack.start(stack.agent).require_model_call()
        fresh = [name for name in names if name in _FROM_NOTHING]
        runs: dict[str, list[Run]] = {name: [] for name in names}
        for number in range(repeats):
            for name in fresh:
                self._run(name, runs, f" ({number + 1} of {repeats})" if repeats > 1 else "")
        for name in names:
            if name not in fresh:
                self._run(name, runs, "")
        without_ms = statistics.median(run.init_ms for run in runs["cold"])
        return [scenario(name, self._title(name), runs[name], without_ms) for name in names]

    def storm(self) -> Scenario:
        """Many starts of the light function at once; the key is in its environment already."""
        stack = self.trial.stack
        light = stack.siblings[_LIGHT].having(ANTHROPIC_API_KEY=KEY)
        self.progress(f"{STORM} cold starts at once, without the layer")
        stack.clear()
        without = stack.start(light.without_layers(), STORM)
        title = f"{STORM} cold starts at once, with the layer"
        self.progress(title)
        stack.clear()
        return scenario("storm", title, [stack.start(light, STORM)], without.init_ms)

    def _run(self, name: str, runs: dict[str, list[Run]], number: str) -> None:
        self.progress(f"{self._title(name)}{number}")
        stack, log = self.trial.stack, ""
        if name in _FROM_NOTHING:
            stack.clear()
        since = stack.requests_made()
        if name == "keepwarm":
            log = stack.tick()
        elif name == "redeployed":
            self.trial.deploy_again()
        elif name == "later":
            log = stack.move_ahead(self.hours)
        function = self.trial.bare() if name == "cold" else stack.agent
        run = stack.start(function, since=since, earlier_log=log)
        runs[name].append(run)
        self.progress(summary(scenario(name, self._title(name), [run], run.init_ms)))

    def _title(self, name: str) -> str:
        return _TITLES[name].format(hours=self.hours)
