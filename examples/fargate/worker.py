"""A container on Fargate that answers questions from a queue, and shares one warm state.

Variables: ``QUEUE_URL`` of the questions, ``ANSWERS_URL`` of the answers, and ``WARM_TABLE``, a
DynamoDB table that all tasks of the service share: however many there are, one of them warms.
"""

from __future__ import annotations

import json
import logging
import os
import signal
from threading import Event
from typing import Any

import anthropic
import boto3

from prefixwarm import Prefix, Warmer, WarmSchedule

SYSTEM = "You are the support agent of a shop for bicycle parts. " * 150
SUPPORT = Prefix("support", model="claude-sonnet-5-5", system=SYSTEM)

stopped = Event()


def answer(agent: anthropic.Anthropic, question: str) -> dict[str, Any]:
    """One answer, and what of the prompt was read from the cache."""
    message = agent.messages.create(
        **SUPPORT.request([{"role": "user", "content": question}], max_tokens=500)
    )
    text = "".join(block.text for block in message.content if block.type == "text")
    return {"answer": text, "read_tokens": message.usage.cache_read_input_tokens}


def work(agent: anthropic.Anthropic, queue: Any) -> None:
    """Answer what is asked until the task is stopped."""
    source, target = os.environ["QUEUE_URL"], os.environ["ANSWERS_URL"]
    while not stopped.is_set():
        asked = queue.receive_message(QueueUrl=source, WaitTimeSeconds=1, MaxNumberOfMessages=1)
        for message in asked.get("Messages", ()):
            reply = answer(agent, message["Body"])
            queue.send_message(QueueUrl=target, MessageBody=json.dumps(reply))
            queue.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])


def main() -> None:
    """Warm first, then work; Fargate stops a task with SIGTERM, half a minute before its end."""
    logging.basicConfig(level=logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    client = anthropic.Anthropic()
    warmer = Warmer(client, SUPPORT, store=os.environ["WARM_TABLE"])
    with WarmSchedule(warmer, policy="auto") as schedule:
        schedule.wait_until_warm("support", timeout=10)
        work(client.with_options(middleware=[schedule.middleware()]), boto3.client("sqs"))


if __name__ == "__main__":
    main()
