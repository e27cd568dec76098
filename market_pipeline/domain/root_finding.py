"""Roots of many functions of one number at once, between bounds, without derivatives."""

from collections.abc import Callable

import numpy as np

from market_pipeline.domain.frames import Floats

_ITERATIONS = 80


def roots_between(
    function: Callable[[Floats], Floats], a: Floats, b: Floats, tolerance: float
) -> Floats:
    """Find the root of each element between `a` and `b`; NaN where the ends have one sign.

    T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero of a
    nonlinear function without using derivatives", Advances in Engineering Software 28 (1997).
    """
    fa, fb = function(a), function(b)
    is_bracketed = np.sign(fa) * np.sign(fb) <= 0
    c, fc, share = a, fa, np.full(len(a), 0.5)
    found, is_found = np.full(len(a), np.nan), ~is_bracketed
    for _ in range(_ITERATIONS):
        x = a + share * (b - a)
        fx = function(x)
        is_same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(is_same, a, b), np.where(is_same, fa, fb)
        b, fb = np.where(is_same, b, a), np.where(is_same, fb, fa)
        a, fa = x, fx
        is_a = np.abs(fa) < np.abs(fb)
        best, least = np.where(is_a, a, b), np.where(is_a, fa, fb)
        with np.errstate(divide="ignore", invalid="ignore"):
            edge = tolerance * 2 / np.abs(b - c)
            share = _next_share(a, b, c, fa, fb, fc)
        # Kept as first found: an element's root does not depend on how long others take.
        found = np.where(is_found, found, best)
        is_found = is_found | (np.abs(b - a) < tolerance) | (least == 0)
        if is_found.all():
            break
        share = np.clip(share, np.minimum(edge, 0.5), np.maximum(1 - edge, 0.5))
    return found


def _next_share(a: Floats, b: Floats, c: Floats, fa: Floats, fb: Floats, fc: Floats) -> Floats:
    """Say how far from `a` to `b` to look next: by inverse quadratic fit where it is safe."""
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    is_safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
    fit = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.where(is_safe & np.isfinite(fit), fit, 0.5)
