"""How likely a silent prefix is to be used within the next refresh, learned from its traffic.

A Bayesian logistic regression on the chance that a silence ends in a given slot of it. It knows
how long the silence lasts, the hour and the day, what happened at that hour on the days before,
and how busy the prefix is of late. The days are those of a seven day cycle; which of them is a
Sunday is learned, not assumed. Every weight has a mean and a variance, so that it moves fast
while little is known. The constants were picked by hand: the prior says that a silence is the less
likely to end the longer it lasts, and that busy prefixes are busier.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left

__all__ = ["SLOT", "Model"]

SLOT = 57 * 60
_FIRST = 3600
_HOUR = 3600
_WEEK = 168

# Longest silence, in slots, of each age class, and the chance that one slot of it ends it.
_AGES = (1, 2, 3, 5, 8, 12, 16, 20, 26, 36, 54, 90, 150)
_CHANCES = (0.16, 0.12, 0.10, 0.08, 0.07, 0.06, 0.06, 0.05, 0.05, 0.035, 0.025, 0.018, 0.012, 0.008)
_PRIOR = tuple(math.log(p / (1 - p)) for p in _CHANCES)

_HOURS = len(_CHANCES)
_DAYS = _HOURS + 24
_BIAS = _DAYS + 7
_ROUTINE, _ECHO, _RECENT, _USUAL = range(_BIAS + 1, _BIAS + 5)
_SIZE = _USUAL + 1

_MEANS = [0.0] * _ROUTINE + [0.25, 0.15, 0.3, 0.3]
_VARIANCES = [0.3] * _DAYS + [0.2] * 7 + [0.3] + [0.02] * 4

_LONGEST = 400
_BITS = (1 << (_WEEK + 2)) - 1
_FORMAT = struct.Struct(f"<d22sff{_SIZE}f{_SIZE}e")


class Model:
    """What is known of one prefix's traffic; at most 400 bytes when packed.

    Parameters
    ----------
    at : float
        Epoch seconds of its first traffic.
    """

    size = _FORMAT.size

    def __init__(self, at: float) -> None:
        self.last = at
        self._active = 1
        self._day = self._week = 0.1
        self._means = list(_MEANS)
        self._variances = list(_VARIANCES)

    @classmethod
    def unpack(cls, packed: bytes) -> Model:
        """Read what `pack` wrote."""
        model = cls(0.0)
        model.last, active, model._day, model._week, *weights = _FORMAT.unpack(packed)
        model._active = int.from_bytes(active, "little")
        model._means, model._variances = weights[:_SIZE], weights[_SIZE:]
        return model

    def pack(self) -> bytes:
        """The model as bytes."""
        active = self._active.to_bytes(22, "little")
        weights = *self._means, *self._variances
        return _FORMAT.pack(self.last, active, self._day, self._week, *weights)

    def chances(self, slots: int) -> list[float]:
        """The chance, per slot, that the silence which has begun ends in it."""
        silence = _Silence(self.last, self._active, self._day, self._week)
        return [self._chance(silence.features(slot)) for slot in range(1, slots + 1)]

    def see(self, at: float) -> None:
        """Learn from traffic at a moment (epoch seconds), and from the silence before it."""
        if at - self.last >= _FIRST:
            self._learn(at)
        hours = int(at // _HOUR) - int(self.last // _HOUR)
        if hours > 0:
            self._active = (self._active << min(hours, _WEEK + 2) | 1) & _BITS
            self._day = self._day * (1 - 1 / 24) ** hours + 1 / 24
            self._week = self._week * (1 - 1 / _WEEK) ** hours + 1 / _WEEK
        self.last = at

    def _learn(self, at: float) -> None:
        silence = _Silence(self.last, self._active, self._day, self._week)
        last_slot = 1 + int((at - self.last - _FIRST) // SLOT)
        for slot in range(1, min(last_slot, _LONGEST) + 1):
            self._update(silence.features(slot), ended=slot == last_slot)

    def _chance(self, features: list[tuple[int, float]]) -> float:
        score = _PRIOR[features[0][0]]
        for index, value in features:
            score += self._means[index] * value
        return min(0.97, max(1e-4, 1 / (1 + math.exp(-max(score, -30.0)))))

    def _update(self, features: list[tuple[int, float]], *, ended: bool) -> None:
        """One step of assumed density filtering with a diagonal covariance."""
        means, variances = self._means, self._variances
        chance = self._chance(features)
        doubt = chance * (1 - chance)
        spread = 1 + doubt * sum(variances[i] * value * value for i, value in features)
        surprise = (ended - chance) / spread
        for i, value in features:
            variance = variances[i]
            means[i] += variance * value * surprise
            variances[i] = variance - variance * variance * value * value * doubt / spread


class _Silence:
    """One silence, as the model's inputs."""

    def __init__(self, since: float, active: int, day: float, week: float) -> None:
        self._middle = since + _FIRST - SLOT / 2 + _HOUR / 2
        self._since_hour = int(since // _HOUR)
        self._recent = math.log(day + 0.02) - math.log(0.12)
        self._usual = math.log(week + 0.01) - math.log(0.1)
        # How active each hour before the silence was, its neighbours counting half; the hours of
        # the silence itself, and those too long ago, were not active.
        bits = [0, 0, *map(int, reversed(f"{active:0{_WEEK + 2}b}")), 0]
        smooth = [now + (a + b) / 2 for a, now, b in zip(bits, bits[1:], bits[2:], strict=False)]
        self._activity = [0.0] * _LONGEST + smooth + [0.0] * _WEEK

    def features(self, slot: int) -> list[tuple[int, float]]:
        """Index and value of each input of a slot; the first one is its age class."""
        hour = int((self._middle + (slot - 1) * SLOT) // _HOUR)
        of_day = hour % 24
        today = self._since_hour - hour + 1 + _LONGEST
        activity = self._activity[today + 24 : today + _WEEK + 1 : 24]
        return [
            (bisect_left(_AGES, slot), 1.0),
            (_HOURS + of_day, 1.0),
            (_HOURS + (of_day + 1) % 24, 0.5),
            (_HOURS + (of_day - 1) % 24, 0.5),
            (_DAYS + hour // 24 % 7, 1.0),
            (_BIAS, 1.0),
            (_ROUTINE, math.log((sum(activity) + 0.5) / 1.5)),
            (_ECHO, activity[0] + activity[-1] - 0.6),
            (_RECENT, self._recent),
            (_USUAL, self._usual),
        ]
