"""Learns from a prefix's traffic how likely a silence ends before the next refresh.

A Bayesian logistic regression on the chance that a silence ends in a given slot. Its inputs are the
length of the silence, the hour and the day, activity at that hour on previous days, and how busy
the prefix is recently. Days are those of a seven-day cycle; which one is a Sunday is learned, and
so are the hours, so no time zone is needed. Every weight has a mean and a variance, so it moves
fast while little is known. `benchmarks/prior.py` fits the first means to the traffic of many
prefixes: the longer a silence lasts, the less likely it ends, especially at an hour without traffic
on previous days.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOT = 58 * 60
_FIRST = 3600
_HOUR = 3600
_WEEK = 168

# Longest silence, in slots, of each age class; and the log odds that one slot of it ends it.
AGES = (1, 2, 3, 5, 8, 12, 16, 20, 26, 36, 54, 90, 150)
_PRIOR = (
    *(-1.79, -2.13, -2.40, -2.57, -2.80, -2.84, -2.95),
    *(-2.78, -2.98, -3.50, -3.68, -3.77, -3.76, -3.80),
)

_HOURS = len(_PRIOR)
_DAYS = _HOURS + 24
_ROUTINE, _ECHO, _RECENT, _USUAL = range(_DAYS + 7, _DAYS + 11)
_SIZE = _USUAL + 1

_MEANS = [0.0] * _ROUTINE + [0.71, 0.09, 0.20, 0.12]
_VARIANCES = [0.3] * _DAYS + [0.2] * 7 + [0.02] * 4

# By half hours of activity in a week.
_ROUTINES = [math.log((halves / 2 + 0.5) / 1.5) for halves in range(4 * 7 + 1)]

_LONGEST = 400
_BITS = (1 << (_WEEK + 2)) - 1
_LAST = struct.Struct("<d")
_FORMAT = struct.Struct(f"<d22sff{_SIZE}f{_SIZE}e")


class Model:
    """The learned model of one prefix's traffic; at most 400 bytes when packed.

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

    @staticmethod
    def last_of(packed: bytes) -> float:
        """Epoch seconds of the last traffic of a packed model."""
        return float(_LAST.unpack_from(packed)[0])

    @classmethod
    def after(cls, packed: bytes, at: float) -> bytes:
        """A packed model after traffic; fast for traffic within the same hour."""
        last = cls.last_of(packed)
        if at - last < _FIRST and at // _HOUR == last // _HOUR:
            return _LAST.pack(at) + packed[_LAST.size :]
        model = cls.unpack(packed)
        model.see(at)
        return model.pack()

    def pack(self) -> bytes:
        """The model as bytes."""
        active = self._active.to_bytes(22, "little")
        weights = *self._means, *self._variances
        return _FORMAT.pack(self.last, active, self._day, self._week, *weights)

    def silence(self) -> Silence:
        """The silence since the last traffic."""
        return Silence(self.last, self._active, self._day, self._week)

    def chances(self) -> Iterator[float]:
        """The chance, per slot, that the current silence ends in it; as far as asked."""
        silence, means = self.silence(), self._means
        hours, days = means[_HOURS:_DAYS], means[_DAYS:_ROUTINE]
        hourly = [hours[h] + (hours[h - 1] + hours[h - 23]) / 2 for h in range(24)]
        constant = means[_RECENT] * silence.recent + means[_USUAL] * silence.usual
        routine_weight, echo_weight = means[_ROUTINE], means[_ECHO]
        for slot in range(1, _LONGEST + 1):
            age, hour = bisect_left(AGES, slot), silence.hour(slot)
            routine, echo = silence.past(hour)
            yield _chance(
                _PRIOR[age]
                + means[age]
                + hourly[hour % 24]
                + days[hour // 24 % 7]
                + routine_weight * routine
                + echo_weight * echo
                + constant
            )

    def see(self, at: float, *, adapt: bool = True) -> None:
        """Note traffic at a time (epoch seconds), and learn from the silence before it."""
        if adapt and at - self.last >= _FIRST:
            self._learn(at)
        hours = int(at // _HOUR) - int(self.last // _HOUR)
        if hours > 0:
            self._active = (self._active << min(hours, _WEEK + 2) | 1) & _BITS
            self._day = self._day * (1 - 1 / 24) ** hours + 1 / 24
            self._week = self._week * (1 - 1 / _WEEK) ** hours + 1 / _WEEK
        self.last = at

    def _learn(self, at: float) -> None:
        silence = self.silence()
        last_slot = silence.slot(at)
        for slot in range(1, min(last_slot, _LONGEST) + 1):
            self._update(silence.features(slot), ended=slot == last_slot)

    def _update(self, features: list[tuple[int, float]], *, ended: bool) -> None:
        """One step of assumed density filtering with a diagonal covariance."""
        means, variances = self._means, self._variances
        chance = _chance(_PRIOR[features[0][0]] + sum(means[i] * value for i, value in features))
        doubt = chance * (1 - chance)
        spread = 1 + doubt * sum(variances[i] * value * value for i, value in features)
        surprise = (ended - chance) / spread
        for i, value in features:
            variance = variances[i]
            means[i] += variance * value * surprise
            variances[i] = variance - variance * variance * value * value * doubt / spread


def _chance(log_odds: float) -> float:
    return min(0.97, max(1e-4, 1 / (1 + math.exp(-max(log_odds, -30.0)))))


class Silence:
    """One silence, as the model's inputs.

    Attributes
    ----------
    recent, usual : float
        How busy the prefix is of late, and in the last weeks.
    """

    def __init__(self, since: float, active: int, day: float, week: float) -> None:
        self._since = since
        self._middle = since + _FIRST - SLOT / 2 + _HOUR / 2
        self._since_hour = int(since // _HOUR)
        self.recent = math.log(day + 0.02) - math.log(0.12)
        self.usual = math.log(week + 0.01) - math.log(0.1)
        # The activity of each hour before the silence, with neighbouring hours counting half; hours
        # of the silence itself, and those too long ago, are inactive.
        bits = [0, 0, *map(int, reversed(f"{active:0{_WEEK + 2}b}")), 0]
        smooth = [now + (a + b) / 2 for a, now, b in zip(bits, bits[1:], bits[2:], strict=False)]
        self._activity = [0.0] * _LONGEST + smooth + [0.0] * _WEEK

    def slot(self, at: float) -> int:
        """The slot of a time, from 1; 0 while the entry is alive anyway."""
        return max(0, 1 + int((at - self._since - _FIRST) // SLOT))

    def hour(self, slot: int) -> int:
        """The hour of the epoch in which the middle of a slot falls."""
        return int((self._middle + (slot - 1) * SLOT) // _HOUR)

    def past(self, hour: int) -> tuple[float, float]:
        """Routine and echo: traffic at that hour of the last week, and a day and a week before."""
        today = self._since_hour - hour + 1 + _LONGEST
        activity = self._activity[today + 24 : today + _WEEK + 1 : 24]
        return _ROUTINES[int(2 * sum(activity))], activity[0] + activity[-1] - 0.6

    def features(self, slot: int) -> list[tuple[int, float]]:
        """The index and value of each input of a slot.

        The first is its age class; the last four are routine, echo, recent and usual traffic.
        """
        hour = self.hour(slot)
        of_day, (routine, echo) = hour % 24, self.past(hour)
        return [
            (bisect_left(AGES, slot), 1.0),
            (_HOURS + of_day, 1.0),
            (_HOURS + (of_day + 1) % 24, 0.5),
            (_HOURS + (of_day - 1) % 24, 0.5),
            (_DAYS + hour // 24 % 7, 1.0),
            (_ROUTINE, routine),
            (_ECHO, echo),
            (_RECENT, self.recent),
            (_USUAL, self.usual),
        ]
