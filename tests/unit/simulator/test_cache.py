"""The cache against a second implementation, written as the rules read."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixwarm.simulator.cache import Cache
from prefixwarm.simulator.markers import Marker
from prefixwarm.simulator.prompt_blocks import SYSTEM, Block
from prefixwarm.simulator.settings import Switches
from tests.helpers.effort import EXAMPLES

MINIMUM = 30
OWNER = ("anthropic", "organization", "workspace", "model")
LIVES = {"5m": 300, "1h": 3600}


@dataclass
class Naive:
    """Entries as (tokens, ttl, available, expires) by their texts."""

    entries: dict[tuple[str, ...], list] = field(default_factory=dict)

    def ask(
        self, texts: list[str], marks: list[tuple[int, str]], now: float, visible: float
    ) -> tuple[int, int, int, int]:
        """Do one request; returns tokens read, written for 5 m and 1 h, and uncached."""
        size = [10 * (i + 1) for i in range(len(texts))]
        marks = [(i, ttl) for i, ttl in marks if size[i] >= MINIMUM]
        seen = [at for i, _ in marks for at in range(max(0, i - 19), i + 1)]
        hit = max((at for at in seen if self.has(texts, at, now)), default=None)
        read = size[hit] if hit is not None else 0
        if hit is not None:
            entry = self.entries[tuple(texts[: hit + 1])]
            entry[3] = max(entry[3], now + LIVES[entry[1]])
        above = [(i, ttl) for i, ttl in marks if hit is None or i > hit]
        for i, ttl in above:
            self.write(tuple(texts[: i + 1]), ttl, now, visible)
        end = size[above[-1][0]] if above else read
        hour = max((size[i] for i, ttl in above if ttl == "1h"), default=read)
        return read, end - hour, hour - read, size[-1] - end

    def has(self, texts: list[str], at: int, now: float) -> bool:
        """Whether a position holds a live entry that can be seen."""
        entry = self.entries.get(tuple(texts[: at + 1]))
        return entry is not None and entry[2] <= now < entry[3]

    def write(self, key: tuple[str, ...], ttl: str, now: float, visible: float) -> None:
        """Store an entry beside one that is about to become visible."""
        new = [0, ttl, visible, now + LIVES[ttl]]
        old = self.entries.get(key)
        if old is not None and old[3] > visible:
            longer = "1h" if "1h" in (old[1], ttl) else "5m"
            new = [0, longer, min(old[2], visible), max(old[3], new[3])]
        self.entries[key] = new


def blocks_of(texts: list[str]) -> list[Block]:
    """Blocks of ten tokens each."""
    return [
        Block(SYSTEM, text.encode(), 10, at, None, True, f"system.{at}")
        for at, text in enumerate(texts)
    ]


prompts = st.lists(st.sampled_from("ab"), min_size=1, max_size=30)
asks = st.tuples(
    st.integers(1, 30),
    st.booleans(),
    st.lists(st.integers(0, 29), max_size=4, unique=True),
    st.integers(0, 4),
    st.floats(0, 400),
    st.floats(0, 20),
)


@settings(max_examples=3 * EXAMPLES)
@given(st.lists(asks, min_size=1, max_size=12))
def test_both_implementations_agree(steps: list[tuple]) -> None:
    cache, naive, switches, now = Cache(), Naive(), Switches(), 1000.0
    for length, other, places, hours, wait, delay in steps:
        now += wait
        texts = ["z" if other and at == 5 else f"t{at}" for at in range(length)]
        ats = sorted(at for at in places if at < length)
        marks = [(at, "1h" if number < hours else "5m") for number, at in enumerate(ats)]
        keys = [repr(texts[: at + 1]).encode() for at in range(length)]
        effect = cache.effect(
            blocks_of(texts),
            keys,
            [Marker(*mark) for mark in marks],
            minimum=MINIMUM,
            now=now,
            switches=switches,
        )
        cache.commit(effect, owner=OWNER, start=now, available_at=now + delay, switches=switches)
        expected = naive.ask(texts, marks, now, now + delay)
        assert (effect.read, effect.write_5m, effect.write_1h, effect.input) == expected
        assert sum(expected) == effect.total == 10 * length


def test_a_plan_changes_nothing_until_it_is_committed() -> None:
    cache = Cache()
    blocks = blocks_of(["a", "b", "c"])
    keys = [b"1", b"2", b"3"]
    for _ in range(2):
        effect = cache.effect(
            blocks, keys, [Marker(2, "5m")], minimum=MINIMUM, now=0.0, switches=Switches()
        )
        assert effect.write_5m == 30
    assert len(cache) == 0


def test_expired_entries_are_swept() -> None:
    cache, switches, blocks = Cache(), Switches(), blocks_of(["a", "b", "c"])
    for number in range(25_000):
        keys = [b"", b"", number.to_bytes(16, "big")]
        now = float(number)
        effect = cache.effect(
            blocks, keys, [Marker(2, "5m")], minimum=MINIMUM, now=now, switches=switches
        )
        cache.commit(effect, owner=OWNER, start=now, available_at=now, switches=switches)
    assert len(cache) < 11_000
    assert len(list(cache.live(now, 0.0))) == 300
