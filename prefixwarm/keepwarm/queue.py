"""Sends messages to the work queue in SQS, ten at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.boto_replies import replies, text_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient


# SendMessageBatch takes ten messages:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
BATCH_SIZE = 10


class Queue:
    """One queue to send to.

    Parameters
    ----------
    client
        A boto3 client.
    url
        The queue's URL.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, texts: Sequence[str]) -> dict[int, str]:
        """Send at most `BATCH_SIZE` texts; return errors by position of rejected texts."""
        entries: Any = [{"Id": str(i), "MessageBody": text} for i, text in enumerate(texts)]
        try:
            with replies():
                reply: Any = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
                taken = {int(text_in(entry, "Id")) for entry in reply.get("Successful", ())}
                why = {
                    int(text_in(one, "Id")): text_in(one, "Code") for one in reply.get("Failed", ())
                }
        except (ClientError, BotoCoreError) as error:
            return dict.fromkeys(range(len(texts)), str(error))
        return {at: why.get(at, "not taken") for at in range(len(texts)) if at not in taken}
