"""Asking for what is stored, and never for much more of an object than it can rightly have.

What lies in its place may be of any size, a sparse file of many gigabytes on local disk say. Of that no more is read
than shows that it is not what was stored.
"""

from __future__ import annotations

from .._format import commit, naming, state
from .ops import Get


def get_commit(key: str, n: int) -> Get:
    """Ask for the stored bytes of a commit."""
    return Get(naming.log_key(key, n), commit.stored_bytes())


def get_object(key: str, epoch: int, name: str, size: int) -> Get:
    """Ask for the stored bytes of an object that has ``size`` raw ones."""
    return Get(naming.object_key(key, epoch, name), state.stored_bytes(name, size))


def get_hint(hint: str) -> Get:
    """Ask for what a hint of a listing holds, which is an id or nothing."""
    return Get(hint, naming.MAX_ID_BYTES)
