"""Calls from far down the stack, as a deep program makes them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_STEP = 20


def until_it_overflows(call: Callable[[], T]) -> list[T]:
    """Call from ever further down the stack until that has no room, which has to be said as it is; give what came.

    What other tests left is collected before: a finalizer of theirs that ran down there would find no room either,
    and be the failure of the test at hand.
    """
    found: list[T] = []
    gc.collect()
    gc.disable()
    try:
        while True:
            found.append(_down(len(found) * _STEP, call))
    except RecursionError:
        return found
    finally:
        gc.enable()


def _down(frames: int, call: Callable[[], T]) -> T:
    return _down(frames - 1, call) if frames else call()
