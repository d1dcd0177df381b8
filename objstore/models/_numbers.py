"""Numbers as Rust prints them, and single precision without a library for it."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

_SINGLE = struct.Struct("<f")


def round_f32(value: float) -> float:
    """Round to single precision, and give its shortest decimal.

    A field that is an ``f32`` on the wire can hold no more than this, so a model that rounds on the way in equals the
    one that is read back: ``0.0005`` stays ``0.0005``, one third becomes ``0.33333334``. A number that no ``f32`` can
    hold is returned as it is.

    Args:
        value: A finite number.
    """
    try:
        bits = _SINGLE.pack(value)
    except OverflowError:
        return value
    exact: float = _SINGLE.unpack(bits)[0]
    for digits in range(9):  # nine significant digits tell any two singles apart
        shorter = float(f"{exact:.{digits}e}")
        if _is_single(shorter, bits):
            return shorter
        # Just above a power of two the next single downwards is nearer than the next one upwards: then the nearest
        # decimal can miss the interval while its neighbour on the wide side still lies in it.
        step = math.copysign(10.0 ** (math.floor(math.log10(abs(exact))) - digits), exact)
        neighbour = float(f"{shorter + step:.{digits}e}")
        if _is_single(neighbour, bits):
            return neighbour
    return exact


def f64_text(value: float) -> str:
    """Print a double as serde_json does: fixed from ``1e-5`` up to ``1e16``, else with a bare exponent."""
    return _text(value, 1e-5, 1e16)


def f32_text(value: float) -> str:
    """Print a single as serde_json does: its shortest digits, fixed from ``1e-6`` up to ``1e13``."""
    return _text(round_f32(value), 1e-6, 1e13)


def _is_single(value: float, bits: bytes) -> bool:
    try:
        return _SINGLE.pack(value) == bits
    except OverflowError:
        return False


def _text(value: float, lowest: float, highest: float) -> str:
    text = repr(value)
    size = abs(value)
    if size and not lowest <= size < highest:
        mantissa, _, exponent = f"{Decimal(text):e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent):+d}"
    return f"{Decimal(text):f}" if "e" in text else text
