"""Quantiles of Student's t distribution, without SciPy: records are read where it is not loaded."""

from __future__ import annotations

import math
from statistics import NormalDist

_G = (
    ((1, 1), 4),
    ((3, 16, 5), 96),
    ((-15, 17, 19, 3), 384),
    ((-945, -1920, 1482, 776, 79), 92160),
)
"""Coefficients of z, z³, z⁵ and so on, and what they are divided by, for each power
of one over the degrees of freedom."""


def student_t(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t distribution.

    Exact for one and two degrees of freedom, and from there on an expansion about the normal
    quantile: Abramowitz and Stegun 1964, Handbook of Mathematical Functions, 26.7.5. At 97.5 % it
    is 0.12 % too small with three, and 0.004 % with six; at 99.9 %, 2.4 and 0.12 %.

    Args:
        probability: Between one half and 0.999.
        freedom: Degrees of freedom, at least 1.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        beyond = 2 * probability - 1
        return beyond * math.sqrt(2 / (1 - beyond**2))
    z = NormalDist().inv_cdf(probability)
    terms = (
        sum(each * z ** (2 * power + 1) for power, each in enumerate(coefficients)) / divisor
        for coefficients, divisor in _G
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def student_t_p(value: float, freedom: int) -> float:
    """Return how probable a value of Student's t so far from zero, or farther, is.

    The incomplete beta function: Abramowitz and Stegun 1964, 26.7.1 and 26.5.8.

    Args:
        value: The value, on either side of zero.
        freedom: Degrees of freedom, at least 1.
    """
    share = freedom / (freedom + value * value)
    return min(1.0, _incomplete_beta(share, freedom / 2, 0.5))


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function, between 0 and 1."""
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)  # There the fraction converges.
    logarithm = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b)
    return math.exp(logarithm - math.lgamma(a) - math.lgamma(b)) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete beta function.

    By the method of Lentz (1976, Applied Optics 15:668): no part is near zero for these arguments.
    """
    upper, lower = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    found = lower
    for step in range(1, _MOST_STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        before = found
        for part in (even, odd):
            lower = 1 / (1 + part * lower)
            upper = 1 + part / upper
            found *= upper * lower
        if abs(found - before) <= 1e-16 * abs(found):
            break
    return found


_MOST_STEPS = 10_000
"""Some hundreds are needed for millions of degrees of freedom."""
