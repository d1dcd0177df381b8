"""What was read of a session as it is handed out: parts, and the revision that vouches for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import is_not
from typing import Any

from .._format import canonical, naming
from .._format.canonical import JSON
from .._format.records import record
from .._format.refs import Ref
from .._format.watching import Watch
from ..models import Revision
from .base import Base


@record
class Sight:
    """What the holder of a revision knows: a commit, and parts that it holds otherwise than they stand there.

    Attributes:
        store: Which store the commit is of: where that lies, and its marker, which hardly another one shares.
        stale: Parts that it holds otherwise, and nobody here can tell how.
        watch: What was found of the models that it holds; whoever holds the next revision goes on with it.
    """

    base: Base
    known: Mapping[str, JSON]
    store: tuple[str, bytes | None]
    stale: frozenset[str] = frozenset()
    watch: Watch = field(default_factory=Watch)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Parts of a session as they were read, with the revision that vouches for them and the key of its commit."""

    key: str
    parts: dict[str, JSON]
    revision: Revision
    base: Base | None = None

    def place(self, ref: Ref) -> tuple[str, int]:
        """Give the key and the raw size of an object that stands in the parts as a reference."""
        assert self.base is not None  # a tree has no references
        epoch, size = self.base.objects[ref.name]
        return naming.object_key(self.base.key, epoch, ref.name), size


def described(ref: Ref) -> JSON:
    """Say of contents that were not read what they are."""
    return {"digest": ref.digest, "size": ref.size}


def plain(
    value: JSON, unread: Callable[[Ref], JSON] = lambda ref: ref, contents: Mapping[str, str | bytes] | None = None
) -> Any:
    """Put contents in the place of references, and what ``unread`` gives where they were not read.

    Everything else is shared.
    """
    if isinstance(value, Ref):
        found = (contents or {}).get(value.name)
        return unread(value) if found is None else found
    if isinstance(value, list):
        items: list[Any] = []
        for part, free in canonical.without_refs(value):
            items += part if free else [plain(item, unread, contents) for item in part]
        return items if any(map(is_not, items, value)) else value
    if isinstance(value, dict):
        members = {key: plain(member, unread, contents) for key, member in value.items()}
        return members if any(members[key] is not value[key] for key in value) else value
    return value
