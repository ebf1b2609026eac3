"""Volatile text is found by its form, and stable text is left alone."""

from __future__ import annotations

from time import thread_time

import pytest

from prefixwarm.prefix.volatile import find, kind_at, masked


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("Today is 2026-11-21.", "date", "2026-11-21"),
        ("Today is November 21, 2026.", "date", "November 21, 2026"),
        ("Today is Saturday, 21 November 2026.", "date", "Saturday, 21 November 2026"),
        ("Today is 11/21/2026.", "date", "11/21/2026"),
        ("Now: 2026-11-21T08:15:30.123Z!", "timestamp", "2026-11-21T08:15:30.123Z"),
        ("Now: 2026-11-21 08:15", "timestamp", "2026-11-21 08:15"),
        ("now 08:15:30", "time of day", "now 08:15:30"),
        (
            "id 123e4567-e89b-12d3-a456-426614174000.",
            "uuid",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        ("Request ID: 8f3a-12", "request id", "Request ID: 8f3a-12"),
        ("see req_011CabcdEF99", "request id", "req_011CabcdEF99"),
        ("at 1795248000 sharp", "epoch time", "1795248000"),
        ("digest 9f86d081884c7d659a2feaa0c55ad015", "hash", "9f86d081884c7d659a2feaa0c55ad015"),
        ("turn #14 of the talk", "counter", "turn #14"),
        ("Current time is 3:07:42 PM.", "time of day", "time is 3:07:42 PM"),
        ("Clocked 3:07:42 PM", "time of day", "3:07:42 PM"),
        ("Date: 2026年9月9日", "date", "2026年9月9日"),
        ("Date: 2026년 9월 9일", "date", "2026년 9월 9일"),
        ("Date: 2026/9/9", "date", "2026/9/9"),
        ("Date: 09-Sep-2026", "date", "09-Sep-2026"),
        ("Date: 9 septembre 2026", "date", "9 septembre 2026"),
        ("Heute: 9. Oktober 2026", "date", "9. Oktober 2026"),
        ("Hoy: 9 de septiembre de 2026", "date", "9 de septiembre de 2026"),
        ("Stamp 20260909T142233Z", "timestamp", "20260909T142233Z"),
        ("cc_entrypoint=sdk-cli; cch=36ee5;", "request id", "cch=36ee5"),
        ("<function find at 0x7f3a2c1d9e40>", "memory address", "0x7f3a2c1d9e40"),
        ("in /tmp/tmpk3j2h1x9", "temporary path", "tmp/tmpk3j2h1x9"),
        ("Session 01ARZ3NDEKTSV4RRFFQ69G5FAV", "request id", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("HEAD commit 3f2a9b1", "commit", "HEAD commit 3f2a9b1"),
        ("Request V1StGXR8_Z5jdHi6B-myT", "request id", "Request V1StGXR8_Z5jdHi6B-myT"),
        ("Your id V1StGXR8Z5jdHi6BmyT2.", "request id", "id V1StGXR8Z5jdHi6BmyT2"),
        ("Wed Sep  9 14:22:33 2026", "timestamp", "Wed Sep  9 14:22:33 2026"),
        ("at datetime.datetime(2026, 9, 9, 14)", "timestamp", "datetime.datetime(2026, 9, 9, 14)"),
        ("Date: 2026. 9. 9.", "date", "2026. 9. 9."),
        ("Date: 令和8年9月9日", "date", "令和8年9月9日"),
        ("Date: 9-9-2026", "date", "9-9-2026"),
        ("in 2026-W37", "date", "2026-W37"),
        ("with pid 12345", "process", "pid 12345"),
        ("at http://localhost:53421/x", "process", "localhost:53421"),
        ("as eyJhbGciOiJIUzI1.eyJzdWIiOiIx", "token", "eyJhbGciOiJIUzI1.eyJzdWIiOiIx"),
        (r"in C:\Temp\tmpk3j2h1x9", "temporary path", r"Temp\tmpk3j2h1x9"),
    ],
)
def test_finds_what_changes(text: str, kind: str, expected: str) -> None:
    """Each form is found, with its kind and its whole text."""
    assert [(v.kind, v.text) for v in find(text)] == [(kind, expected)]
    assert text[next(find(text)).start :].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "Orders over $1,250.00 ship free within 30 days.",
        "Python 3.12.1 and OpenSSL 3.0.15",
        "Run the message handler CustomerSupport or the id OrderNumber2 at localhost:8080",
        "Call us from 9 to 5 on +49 30 1234567.",
        "Use section 4.2.1, ratio 16:9, and ISO 8601.",
        "The maybe-function may 12 times march on",
        "facade decade cafe deadbeef",
        "Release 2024.1.2, colour 0xFFEEDDCC, open 9:00 AM to 5:00 PM",
        "Commit often; commit early. In /tmp/cache keep 5 files. ABCDEFGHJKMNPQRSTVWXYZABCD",
        "It is five o'clock somewhere; message the request team.",
    ],
)
def test_leaves_stable_text_alone(text: str) -> None:
    """Prices, versions, numbers and words are no finding."""
    assert list(find(text)) == []


@pytest.mark.parametrize(
    "piece",
    [
        "now ",
        "now     ",
        " ",
        "a",
        "1",
        "0a",
        "request:",
        "req_a",
        "mon ",
        "12:",
        "2026-",
        "commit ",
        "tmp/tmp",
        "x-anthropic-billing-header:",
    ],
)
def test_the_time_is_linear(piece: str) -> None:
    """No repetition makes the pattern go back over what it has read."""

    def seconds(size: int) -> float:
        text = (piece * size)[:size] + " " * size
        started = thread_time()
        list(find(text))
        return thread_time() - started

    # Quadratic time would be 16 times, each time; what else the machine does may be in one of them.
    assert any(seconds(80_000) < 10 * max(seconds(20_000), 0.02) for _ in range(5))


def test_finds_user_names_as_whole_words() -> None:
    """A name from the list is found, not inside of other words."""
    assert [(v.kind, v.start) for v in find("Dear Ann, Anna writes", ["Ann"])] == [("user name", 5)]


def test_names_the_kind_that_covers_a_character() -> None:
    """Only the characters of the find have its kind."""
    text = "on 2026-11-21, yes"
    assert kind_at(text, 12) == "date"
    assert kind_at(text, 14) is None


def test_masks_all_that_varies() -> None:
    """Two versions of one prompt look the same."""
    assert masked("Today is 2026-11-21, 5 left") == masked("Today is 2026-11-22, 17 left")
    assert masked("cat 5") != masked("dog 5")
