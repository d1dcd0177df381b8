"""The five files of a session in the tree layout: their keys, and parts as their bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from .._format import checking, naming
from .._format.canonical import JSON
from .._log.loaded import described, plain
from ..errors import IntegrityError, InvalidIdError, InvalidValueError, UnsupportedError
from ..models import ArtifactStore
from ..models import _documents as documents
from . import five_parts, wire
from .five_parts import ADAPTERS
from .tree_rules import evicted, safe_id, unreadable, unstorable

SUFFIX: Final = ".json"
SIBLINGS: Final = tuple(part for part in five_parts.PARTS if part != five_parts.SESSION)


def name_of(id: str) -> str:
    """Give the name that the files of a session have; several ids may share one.

    Raises:
        InvalidIdError: The seed could not keep a session of this id.
    """
    naming.check_id(id)
    reason = unstorable(id)
    if reason:
        raise InvalidIdError(f"{id[:100]!r} cannot name a session in the tree layout: {reason}; choose another id")
    return safe_id(id)


def is_shared(name: str) -> bool:
    """Say whether an id other than the name itself may have this name; what is replaced becomes ``_``."""
    return "_" in name


def key_of(part: str, name: str) -> str:
    """Give the key of a part's file.

    Raises:
        UnsupportedError: The seed has no such part.
    """
    if part == five_parts.SESSION:
        return f"{name}{SUFFIX}"
    if part == five_parts.ARTIFACTS:
        return f"{part}/{name}/{part}{SUFFIX}"
    if part in ADAPTERS:
        return f"{part}/{name}{SUFFIX}"
    raise UnsupportedError(f"the tree layout has no part {part!r}, only {', '.join(five_parts.PARTS)}; use a log store")


def decode(part: str, name: str, data: bytes) -> Any:
    """Read a part from the bytes of its file.

    Raises:
        IntegrityError: They are not what the seed writes there.
    """
    key = key_of(part, name)
    try:
        value = wire.decode(ADAPTERS[part], data)
    except wire.WireError as error:
        what = "a session" if part == five_parts.SESSION else f"the {part} of a session"
        raise IntegrityError(f"{key} does not hold {what}: {error}; restore the file", key) from None
    return documents.to_document(ADAPTERS[part], value)


def encode(part: str, id: str, document: JSON, *, lossy: bool) -> bytes:
    """Write a part as the bytes of its file.

    Raises:
        InvalidValueError: It is no JSON, or the session inside has another id.
        UnsupportedError: It is JSON that a tree cannot hold, or of which A3S Code would drop something.
    """
    key_of(part, id)
    try:
        value = documents.from_document(ADAPTERS[part], plain(document, described))
        if part == five_parts.ARTIFACTS:
            value = _texts(id, value, lossy=lossy)
        data = wire.encode(ADAPTERS[part], value)
    except ValidationError as error:
        problem = documents.describe(error)
    except InvalidValueError as error:
        problem = str(error)
    else:
        if part == five_parts.SESSION and value.id != id:
            raise InvalidValueError(f"the session that is to be saved as {id!r} has another id; make both the same")
        dropped = evicted(value) if part == five_parts.ARTIFACTS and not lossy else None
        if dropped:
            raise UnsupportedError(
                f"A3S Code would drop artifacts of {id!r} when it loads them ({dropped}); remove some, use a log "
                "store, or copy with lossy=True (--lossy)"
            )
        return data
    checking.check_again(document, what=part)  # what no layout can hold is the value's fault, not the layout's
    raise UnsupportedError(f"the {part} of {id!r} cannot be kept in the tree layout ({problem}); use a log store")


def _texts(id: str, artifacts: ArtifactStore, *, lossy: bool) -> ArtifactStore:
    """Give the artifacts that a tree can hold."""
    binary = [artifact.artifact_uri for artifact in artifacts if artifact.data is not None]
    if binary and not lossy:
        raise UnsupportedError(
            f"the tree layout holds texts only, and {len(binary)} artifacts of {id!r} are binary, the first of them "
            f"{binary[0]!r}; use a log store, or copy with lossy=True (--lossy), which leaves them out"
        )
    for uri in binary:
        artifacts.remove(uri)
    return artifacts


def owner(data: bytes) -> str | None:
    """Read only the id in a session's file, ``None`` where it cannot be told; says nothing about the rest of it."""
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    id = document.get("id") if isinstance(document, dict) else None
    return id if isinstance(id, str) else None


def digest(files: Iterable[bytes | None]) -> str:
    """Give the digest of some files, in the order of the parts: what a tree has for a revision."""
    return hashlib.sha256(b"".join(data for data in files if data is not None)).hexdigest()


def losses(parts: Mapping[str, JSON]) -> Iterator[str]:
    """Say what of a session A3S Code will not load, or drop while loading, although a tree keeps it."""
    models = {
        part: documents.from_document(ADAPTERS[part], plain(document, described)) for part, document in parts.items()
    }
    for artifact in models.get(five_parts.ARTIFACTS, ()):
        if artifact.data is not None:
            yield f"a tree does not hold {artifact.artifact_uri!r}, which is binary"
        elif artifact.media_type is not None:
            yield f"a tree does not hold the media type of {artifact.artifact_uri!r}"
    if five_parts.ARTIFACTS in models:
        models[five_parts.ARTIFACTS] = _texts("", models[five_parts.ARTIFACTS], lossy=True)
    found = unreadable(
        models.get(five_parts.SESSION),
        trace_events=models.get(five_parts.TRACES, ()),
        run_records=models.get(five_parts.RUNS, ()),
    )
    for place in found:
        yield f"A3S Code does not load {place}"
    dropped = evicted(models[five_parts.ARTIFACTS]) if five_parts.ARTIFACTS in models else None
    if dropped:
        yield f"A3S Code drops the oldest artifacts: {dropped}"
