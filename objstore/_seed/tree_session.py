"""The five files of one session in a tree: reading them side by side, whose they are, and writing them in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._log.ops import Get, Protocol, Put
from .._log.reading import Unreadable, read_each
from ..errors import ConflictError, IntegrityError
from ..models import Revision
from . import five_parts
from .tree_files import SIBLINGS, decode, digest, is_shared, key_of, owner

Files = dict[str, bytes | None]
"""Part -> the bytes of its file."""


def read(name: str, parts: Iterable[str]) -> Protocol[Files]:
    """Read the files of some parts, and always the session's, which says whose they are."""
    wanted = tuple(dict.fromkeys((five_parts.SESSION, *parts)))
    data = yield tuple(Get(key_of(part, name)) for part in wanted)
    return dict(zip(wanted, data, strict=True))


def read_all(names: list[str]) -> Protocol[list[Files]]:
    """Read all files of several sessions; one that cannot be had is an error only for who decodes it."""
    data = yield from read_each([Get(key_of(part, name)) for name in names for part in five_parts.PARTS])
    count = len(five_parts.PARTS)
    return [dict(zip(five_parts.PARTS, data[n * count : (n + 1) * count], strict=True)) for n in range(len(names))]


def decoded(part: str, name: str, data: bytes | None) -> Any:
    """Read a part from what was read of its file; ``None`` where there is none.

    Raises:
        IntegrityError: It is not what the seed writes there, or no file.
    """
    if isinstance(data, Unreadable):
        raise data.error
    return None if data is None else decode(part, name, data)


def other_owner(id: str, name: str, files: Files) -> str | None:
    """Give the id of the other session that files are of; ``None`` where they are this one's, or do not say it.

    Raises:
        IntegrityError: The session's file is damaged, and by its name it may be another session's.
    """
    data = files[five_parts.SESSION]
    found = None if data is None else owner(data)
    if data is not None and found is None and is_shared(name):
        key = key_of(five_parts.SESSION, name)
        raise IntegrityError(f"{key} is damaged and does not say which session it is of; restore or remove it", key)
    return None if found == id else found


def refuse_foreign(id: str, name: str, files: Files) -> None:
    """Refuse to write over the file of another session.

    Raises:
        ConflictError: It is another's.
        IntegrityError: See `other_owner`.
    """
    other = other_owner(id, name, files)
    if other is not None:
        key = key_of(five_parts.SESSION, name)
        raise ConflictError(f"{key} holds the session {other!r}, and {id!r} would be that file; choose another id", id)


def write(
    id: str, name: str, encoded: Mapping[str, bytes], files: Files, base: Revision | int | None
) -> Protocol[tuple[Revision, bool]]:
    """Write the files that change, the session's last; also say whether there were any.

    Raises:
        ConflictError: The file is another session's, or with ``base=0`` something is there and would change.
    """
    refuse_foreign(id, name, files)
    changed = {part: data for part, data in encoded.items() if files.get(part) != data}
    there = [part for part in changed if files.get(part) is not None]
    if base == 0 and there:
        raise ConflictError(f"there is already a session {id!r}, and its {' and '.join(there)} would change", id, 0)
    siblings = tuple(Put(key_of(part, name), data) for part, data in changed.items() if part != five_parts.SESSION)
    if siblings:
        yield siblings
    if five_parts.SESSION in changed:
        yield Put(key_of(five_parts.SESSION, name), changed[five_parts.SESSION])
    return revision_of({**files, **encoded}), bool(changed)


def revision_of(files: Mapping[str, bytes | None]) -> Revision:
    """Give the revision: the digest of the session's file, or of its siblings where it has none."""
    session = files[five_parts.SESSION]
    return Revision(None, digest([session] if session is not None else [files.get(part) for part in SIBLINGS]))
