"""The calls about single artifacts as protocols: put one of any size, look one up, find where its contents lie."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .._format import checking
from .._format.canonical import JSON
from .._format.refs import Ref
from .._log.loaded import Loaded
from .._log.ops import Moment, Now, Protocol, Read
from .._seed import five_parts
from ..errors import FormatError, InvalidValueError, NotFoundError
from ..models import Revision
from . import arguments
from .layouts import FindLayout
from .spool import Source, Spool
from .streams import ArtifactStream, Fetch

_SHOWN_DIGITS: Final = 32
# A uri stands in prompts, so it should be short. 64 bits would do against accidents, but a tool's output can come from
# somebody who looks for two that are alike; with 128 bits nobody finds them.
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """What is known of an artifact without reading its contents.

    Attributes:
        uri: What messages refer to.
        artifact_id: For instance ``tool-output:bash:`` and hex digits.
        tool_name: The tool that made it.
        media_type: What kind of thing it is, if anybody said so.
        size: Bytes of its contents; of a text in UTF-8.
        digest: The sha256 of these bytes as 64 hex digits.
        text: Whether `objstore.ToolArtifact.content` holds it; otherwise only `objstore.SessionStore.open_artifact`
            gives the contents.
    """

    uri: str
    artifact_id: str
    tool_name: str
    media_type: str | None
    size: int
    digest: str
    text: bool


@dataclass(frozen=True, slots=True)
class Found:
    """An artifact and where its contents are.

    Attributes:
        key: The object that they are, or the commit that they stand in.
        contents: The contents themselves, where they are no object of their own.
    """

    info: ArtifactInfo
    key: str
    contents: bytes | None

    def stream(self, read: Fetch) -> ArtifactStream:
        """Make a stream of the contents, given a function that reads ranges of the object."""
        contents = self.contents
        fetch = read if contents is None else lambda start, length: contents[start : start + length]
        return ArtifactStream(self.key, self.info.size, self.info.digest, fetch, inflate=contents is None)


def entry(
    source: Source, spool: Spool, *, uri: str | None, tool_name: str, media_type: str | None
) -> tuple[dict[str, JSON], ArtifactInfo]:
    """Make the document of an artifact, and what is known of it.

    Args:
        source: What it is made of.
        spool: Holds that, unless it is a text.
        uri: By default made of the tool and the digest, as A3S Code does it.
        tool_name: The tool.
        media_type: What kind of thing it is.

    Raises:
        InvalidValueError: A text holds a lone surrogate, or a name is no text.
    """
    names: dict[str, object] = {"uri": uri, "tool_name": tool_name, "media_type": media_type}
    for what, name in names.items():
        if not isinstance(name, str) and (name is not None or what == "tool_name"):
            raise InvalidValueError(f"{what} must be a str, not {type(name).__name__}")
        checking.check(name, what=what)
    if isinstance(source, str):
        checking.check(source, what="the artifact")
    text = source if isinstance(source, str) else None
    digest, size = (spool.digest, spool.size) if text is None else _measured(text.encode())
    tool, digits = _NOT_IN_NAMES.sub("_", tool_name), digest[:_SHOWN_DIGITS]
    info = ArtifactInfo(
        f"a3s://tool-output/{tool}/{digits}" if uri is None else uri,
        f"tool-output:{tool}:{digits}", tool_name, media_type, size, digest, text is not None,
    )  # fmt: skip
    document: dict[str, JSON] = {
        "artifact_id": info.artifact_id,
        "artifact_uri": info.uri,
        "tool_name": tool_name,
        "content": text or "",
        "original_bytes": size,
        "shown_bytes": 0,
    }
    if media_type is not None:
        document["media_type"] = media_type
    if text is None:
        document["data"] = Ref(digest, size, "bytes", path=spool.path)
    return document, info


def _measured(raw: bytes) -> tuple[str, int]:
    return hashlib.sha256(raw).hexdigest(), len(raw)


class Artifacts:
    """Single artifacts of sessions, on any layout."""

    def __init__(self, layout: FindLayout) -> None:
        self._layout = layout

    def put(self, id: str, document: Mapping[str, JSON]) -> Protocol[Revision]:
        """Put an artifact behind the others, at the newest end; one of the same uri is replaced."""
        now: Moment = yield Now()
        growth = five_parts.Growth((), (), (), {}, [document], (), now_ms=int(now.wall * 1000))
        revision, _ = yield from (yield from self._layout()).derive(id, growth.patches(id), None, None)
        return revision

    def info(self, id: str, uri: str, at: int | None) -> Protocol[ArtifactInfo | None]:
        """See `SessionStore.artifact`."""
        found = yield from self._find(id, uri, at)
        return found.info if found else None

    def find(self, id: str, uri: str, at: int | None) -> Protocol[Found]:
        """See `SessionStore.open_artifact`."""
        found = yield from self._find(id, uri, at)
        if found is None:
            raise NotFoundError(f"{id!r} has no artifact {uri!r}" + ("" if at is None else f" at commit {at}"))
        return found

    def _find(self, id: str, uri: str, at: int | None) -> Protocol[Found | None]:
        arguments.text("uri", uri)
        loaded = yield from (yield from self._layout(id)).load(id, (five_parts.ARTIFACTS,), at, contents=False)
        if loaded is None:
            return None
        part: Any = loaded.parts[five_parts.ARTIFACTS]
        try:
            for document in reversed(part["artifacts"] if part else ()):  # a tree may name one twice: the last counts
                if document["artifact_uri"] == uri:
                    return _found(loaded, document)
        except (KeyError, TypeError, AttributeError):
            raise FormatError(f"the artifacts of {id!r} are whole, but not of the seed's types", loaded.key) from None
        return None


def _found(loaded: Loaded, document: Mapping[str, Any]) -> Found:
    contents = document.get("data", document["content"])
    if isinstance(contents, Ref):
        key, size = loaded.place(contents)
        digest, raw = contents.digest, None
    else:
        key, raw = loaded.key, contents.encode()
        digest, size = _measured(raw)
    info = ArtifactInfo(
        document["artifact_uri"], document["artifact_id"], document["tool_name"], document.get("media_type"), size,
        digest, "data" not in document,
    )  # fmt: skip
    return Found(info, key, raw)


def read_range(key: str, start: int, length: int) -> Protocol[bytes | None]:
    """Read at most so many bytes of an object from a place on."""
    found: bytes | None = yield Read(key, start, length)
    return found
