"""Changes that several operations share."""

from __future__ import annotations

from prefixwarm.state.model import KEEP_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.update_expression import Change


DUE_INDEX = "due"
DUE_SHARD = "0"


def keep(change: Change, at: float, seconds: int = KEEP_SECONDS) -> None:
    """Let the item expire after this many seconds without activity."""
    change.set(expires_at=int(at + seconds))


def set_due(change: Change, at: float) -> None:
    change.set(due_shard=DUE_SHARD, due_at=at)
