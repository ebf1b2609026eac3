"""Two versions of one agent's request are told apart from two agents' requests."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.prefix.prompt import Prompt

SUPPORT = """You are the support agent of a parcel service. Look up every parcel before you
answer, never promise a delivery date, and hand over to a person when a customer is angry.
Refunds above 50 euros need a reason. Write in the language of the customer, in short sentences.
Today is {day}. When a parcel is lost, open a case and tell the customer its number."""
TITLES = """You write titles. Read the first message of a conversation and answer with a title of
at most six words, without quotes and without a full stop, in the language of the message."""
REVIEWS = """You review pull requests. Read the difference file by file, and for every problem say
where it is, why it matters and what to do instead. Do not comment on style that the formatter
settles. When nothing is wrong, say so in one sentence. Never approve a change without tests."""
CHINESE = """你是包裹公司的客服。回答之前先查询包裹。不要承诺送达日期。客户生气时转给人工。
退款超过五十欧元需要理由。用客户的语言回答。句子要短。今天是{day}。包裹丢失时请立即登记。"""


def tools(*names: str, text: str = "Does it.") -> list[dict[str, Any]]:
    return [{"name": name, "description": text, "input_schema": {}} for name in names]


def like(warmed: dict[str, Any], sent: dict[str, Any]) -> bool:
    return Prompt(warmed).is_like(Prompt(sent))


@pytest.mark.parametrize("text", [SUPPORT, CHINESE], ids=["words", "characters"])
def test_another_day(text: str) -> None:
    """Sentences stay, also where a language does not part its words."""
    warmed = {"system": text.format(day="2026-11-21")}
    assert like(warmed, {"system": text.format(day="2026-11-22")})


def test_versions_of_one_prompt() -> None:
    """More in front, more behind, a line less: as text, or as blocks."""
    warmed = {"system": SUPPORT}
    assert like(warmed, {"system": "Attention. " + SUPPORT + REVIEWS})
    lines = SUPPORT.splitlines()
    assert like(warmed, {"system": [{"type": "text", "text": line} for line in lines[:-1]]})


@pytest.mark.parametrize(
    ("warmed", "sent"), [(SUPPORT, TITLES), (SUPPORT, REVIEWS), (TITLES, SUPPORT), (TITLES, "")]
)
def test_prompts_of_two_agents(warmed: str, sent: str) -> None:
    """Same language, same manner, and yet hardly two words follow each other in both."""
    assert not like({"system": warmed}, {"system": sent})


def test_tools_are_known_by_their_names() -> None:
    """Whatever became of their texts and order; half of them is enough."""
    warmed = {"tools": tools("find", "cancel", "refund", "open_case"), "system": SUPPORT}
    assert like(warmed, {"tools": tools("refund", "find", "extra", text="New.")})
    assert not like(warmed, {"tools": tools("find", "extra"), "system": TITLES})


def test_examples_in_messages() -> None:
    """A prefix that is nothing but messages."""
    warmed = {"messages": [{"role": "user", "content": SUPPORT}]}
    changed = SUPPORT.format(day="Friday")
    assert like(warmed, {"messages": [{"role": "user", "content": changed}]})
    assert not like(warmed, {"messages": [{"role": "user", "content": TITLES}]})


def test_nothing_is_like_nothing() -> None:
    """An empty tier proves nothing."""
    assert not like({"system": SUPPORT}, {"tools": [], "messages": []})
