"""What this library tests itself with, for the tests of those who build on it.

`memory_store` is a store for tests of one's own program. `objstore.testing.backend` is the conformance suite for a
backend of one's own; importing it imports pytest, importing this package does not. `objstore.testing.faults` wraps a
backend in faults; `objstore.testing.scheduler` plays out what several programs can do to one session.
"""

from __future__ import annotations

import sys

from ..aio import AsyncSessionStore, open_async
from ..backends import MemoryBackend
from ..store import SessionStore, open

__all__ = ["async_memory_store", "memory_store"]

if "pytest" in sys.modules:  # the asserts of the suites then say what they saw; pytest asks for it before their import
    sys.modules["pytest"].register_assert_rewrite(
        *(f"{__name__}.{name}" for name in ("backend", "racing", "store", "values", "log_store", "samples"))
    )


def memory_store() -> SessionStore:
    """Make an empty store in memory that shares nothing with any other and is gone with its last reference."""
    return open(MemoryBackend.isolated())


def async_memory_store() -> AsyncSessionStore:
    """Make one for programs that await; see `memory_store`."""
    return open_async(MemoryBackend.isolated())
