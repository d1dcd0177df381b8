"""The revision that a session carries from a load to the next save."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Revision:
    """Which commit a session was loaded from or saved as.

    Two revisions are equal when they name the same commit. A revision can be pickled and sent to another process; it
    then still tells that commit from every other one, and only costs the next save a look at the store.

    Attributes:
        seq: The number of the commit; ``None`` in a layout that does not count.
        digest: The digest of the commit, in hex.
        base: What the store remembers of that commit within this process. It takes no part in comparison, ``repr`` or
            pickling.
        partial: Parts that others had changed before this commit without its holder seeing it, or that were given with
            a repeated key and stand otherwise. Only ``base`` knows what the holder saw instead; where there is none,
            these parts have to be loaded again before they can be saved.
    """

    seq: int | None
    digest: str
    base: object | None = field(default=None, repr=False, compare=False)
    partial: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Revision, (self.seq, self.digest, None, self.partial)

    # What a store remembers can be as large as the session; a copy of the session is of the same commit, so it shares.
    def __copy__(self) -> Revision:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Revision:
        return self
