"""The lock of this package."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

_Reentrant: Any = type(threading.RLock())  # noqa: TID251  # which lets go only for the thread that holds it


class Lock(_Reentrant):  # type: ignore[misc]
    """A lock for ``with`` that is free again after an interrupt. It is not to be taken twice by one thread.

    From Python 3.14 on the handler of a signal may raise after the lock was taken and before the block begins, which
    then never lets it go (python/cpython#148874, mended in 3.15).
    """

    def __enter__(self) -> bool:
        try:
            taken: bool = super().__enter__()
        except BaseException:
            with suppress(RuntimeError):  # it was interrupted before it had it
                self.release()
            raise
        return taken
