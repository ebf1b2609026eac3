"""The work queue in SQS: takes texts, ten at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient


# SendMessageBatch takes ten messages:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
BATCH_SIZE = 10


class Queue:
    """One queue, to send to.

    Parameters
    ----------
    client
        Of boto3.
    url
        The queue's URL.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, texts: Sequence[str]) -> dict[int, str]:
        """Send `BATCH_SIZE` texts at most; why not, by the positions of those not taken."""
        entries: Any = [{"Id": str(i), "MessageBody": text} for i, text in enumerate(texts)]
        try:
            reply = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            return dict.fromkeys(range(len(texts)), str(error))
        return {int(failed["Id"]): failed["Code"] for failed in reply.get("Failed", ())}
