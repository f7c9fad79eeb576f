"""How fast memory grows, how much of that is noise, and what is too much. Pure.

A sample is `(calls so far, KiB resident)`. The slope is the median of the slopes of every pair (Theil 1950, Sen 1968):
a sample that is off does not move it. Its noise is what the samples scatter about that line, as the standard error of
the slope. Too much is whatever is above the allowance and above three times the noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import median

NOISES = 3.0
TO_SIGMA = 1.4826
"""A median of distances, as a standard deviation of normal noise."""
A_LEAK = 1000.0
"""KiB in 1,000 calls of the leak that every run must be able to see: 1 KB a call."""

Sample = tuple[int, float]


@dataclass(frozen=True)
class Slope:
    """KiB in 1,000 calls, and its standard error."""

    kib: float
    noise: float

    def limit(self, allowance: float) -> float:
        """From here on it is a leak."""
        return max(allowance, NOISES * self.noise)

    def verdict(self, allowance: float) -> str:
        """`flat`, `leak`, or `too noisy`: not even twice the least leak that counts could be told from the noise."""
        if self.kib > self.limit(allowance):
            return "leak"
        return "too noisy" if self.limit(allowance) > A_LEAK / 2 else "flat"


def slope(samples: Sequence[Sample]) -> Slope:
    """The growth of these samples; at least four of them, at different numbers of calls."""
    points = [(calls / 1000, kib) for calls, kib in samples]
    rise = median((there - here) / (later - now) for (now, here), (later, there) in combinations(points, 2))
    offsets = [kib - rise * calls for calls, kib in points]
    scatter = TO_SIGMA * median(abs(each - median(offsets)) for each in offsets)
    mean = sum(calls for calls, _kib in points) / len(points)
    width = sqrt(sum((calls - mean) ** 2 for calls, _kib in points))
    return Slope(rise, scatter / width)
