"""DynamoDB's protocol on loopback, before the product's own table: as quick as a storm or a long
life needs it.

The table itself is compared with two other implementations by tests of its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from email.utils import formatdate
from typing import Any

from prefixwarm.state.local_table import LocalTable
from prefixwarm.state.table_call import ConditionFailed
from prefixwarm.wire.deadline import Deadline

_NEVER = Deadline.after(1e9)
_OPERATIONS = ("GetItem", "BatchGetItem", "UpdateItem", "TransactWriteItems", "Query")


class TableServer:
    """Serves a table until the end of its context.

    Attributes
    ----------
    items : dict
        What the table holds, by key.
    operations : Counter
        Requests answered, by operation.
    """

    def __init__(self) -> None:
        self._table = LocalTable()
        self.items = self._table.items
        self.operations: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> TableServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._closed(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _closed(self) -> None:
        """Ends the server and what it serves, so that nothing is left to be collected."""
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' own last step

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                body = await reader.readexactly(int(fields["content-length"]))
                operation = fields["x-amz-target"].rpartition(".")[2]
                status, reply = self._reply(operation, json.loads(body))
                text = json.dumps(reply).encode()
                date = formatdate(usegmt=True)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: {len(text)}\r\n\r\n"
                    "".encode()
                    + text
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            writer.close()

    def _reply(self, operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        (name,) = (name for name in _OPERATIONS if name.lower() == operation)
        self.operations[name] += 1
        try:
            return 200, self._table(name, parameters, _NEVER)
        except ConditionFailed as failed:
            error = {"__type": "x#ConditionalCheckFailedException", "Item": dict(failed.item)}
            return 400, error
