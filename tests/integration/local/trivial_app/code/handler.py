"""Says where it runs."""

import os
from typing import Any


def handler(event: object, context: Any) -> dict[str, object]:
    """Answer with the event and what the deployment set."""
    return {"event": event, "stack": os.environ["STACK"], "name": context.function_name}
