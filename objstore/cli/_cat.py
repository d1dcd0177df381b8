"""The command that gives contents: a part as JSON, or an artifact of any size as a stream."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from .._seed import five_parts, wire
from ..errors import InvalidValueError
from ..models import _documents as documents
from ..store import SessionStore
from ._options import AsJson, At
from ._output import Meter, say, working, write, write_bytes, write_json
from ._parts import Part, load_part
from ._places import Storage
from ._problems import UsageError
from ._text import shown, size

_CHUNK = 2**20


def cat(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID", hidden=True)] = None,
    *,
    part: Annotated[Part, typer.Option("--part", help="Which part.")] = Part.SESSION,
    artifact: Annotated[
        str | None, typer.Option("--artifact", metavar="URI", help="The contents of one artifact instead of a part.")
    ] = None,
    at: At = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Write into FILE instead of stdout.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a part as JSON, or the contents of an artifact. A part is byte for byte the file of A3S Code."""
    url, (id,) = storage.split(args, "ID")
    if artifact is not None and part not in (Part.SESSION, Part.ARTIFACTS):
        raise UsageError("--artifact and --part exclude each other; give one of them")
    which = Part.ARTIFACTS if artifact is not None else part
    with working("reading") as meter, storage.existing(url, meter.observe) as store:
        text, pieces = _part(store, which, id, at) if artifact is None else _artifact(store, id, artifact, at, meter)
        if out is None and not text and (as_json or sys.stdout.isatty()):
            raise UsageError("the contents of this artifact are bytes, not a text; write them into a file with --out")
        whole = b"".join(pieces) if out is None and (as_json or sys.stdout.isatty()) else b""
        written = len(whole)
        if out is not None:
            written = _replace(out, pieces)
        elif not whole:
            for piece in pieces:
                write_bytes(piece)
    if as_json:
        content: Any = None
        if out is None:
            content = whole.decode() if artifact is not None else json.loads(whole)
        where = {"id": id, "part": which.value, "artifact": artifact, "at": at}
        write_json({**where, "size": written, "out": None if out is None else str(out), "content": content})
    elif out is not None:
        say(f"{size(written)} written to {out}")
    elif whole:
        write(shown(whole.decode(), keep="\n\t") + "\n")


def _part(store: SessionStore, part: Part, id: str, at: int | None) -> tuple[bool, Iterable[bytes]]:
    return True, [encoded(part, load_part(store, part, id, at))]


def _artifact(store: SessionStore, id: str, uri: str, at: int | None, meter: Meter) -> tuple[bool, Iterable[bytes]]:
    """Say whether an artifact is a text, and give its contents piece by piece, checked when the last one is read."""
    info = store.artifact(id, uri, at=at)
    stream = store.open_artifact(id, uri, at=at)  # says what is missing

    def pieces() -> Iterator[bytes]:
        with stream:
            while piece := stream.read(_CHUNK):
                meter.advance(stream.tell(), stream.size)
                yield piece

    return info is None or info.text, pieces()


def _replace(out: Path, pieces: Iterable[bytes]) -> int:
    """Write a file whole or not at all, so that damage found at its end leaves what was there; give its size."""
    if out.exists() and not out.is_file():  # a pipe or a device cannot be replaced
        with out.open("wb") as file:
            return sum(map(file.write, pieces))
    target = out.resolve()  # what a link leads to is replaced, not the link
    temporary = target.with_name(f".{target.name[:100]}-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            if target.exists():
                temporary.chmod(target.stat().st_mode)
            written = sum(map(file.write, pieces))
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(out)) from error
        raise
    return written


def encoded(part: Part, value: Any) -> bytes:
    """Write a part as the seed does, or as plain JSON where it could not read it."""
    adapter = five_parts.ADAPTERS[part]
    try:
        return wire.encode(adapter, value)
    except InvalidValueError:
        return json.dumps(documents.to_document(adapter, value), indent=2, ensure_ascii=False).encode()
