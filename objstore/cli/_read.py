"""The commands that only read sessions: ls, show, log, cat."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from .. import _wire
from .._listing import Listed
from .._session import CommitInfo
from .._summary import SessionSummary, summary_of
from ..errors import FormatError, IntegrityError, InvalidValueError, NotFoundError
from ..models import ArtifactStore, SessionData
from ..models import _documents as documents
from ..store import SessionStore
from ._output import fields, say, working, write, write_bytes, write_json, write_table
from ._parts import NUMBERS, TITLES, Part, load_part, rows_of
from ._places import Storage
from ._problems import Code, UsageError, end_with
from ._text import age, moment, shown, size

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
At = Annotated[int | None, typer.Option("--at", min=1, metavar="N", help="Commit N instead of the newest.")]

_PAGE = 64


def ls(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL]", hidden=True)] = None,
    *,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Only ids that begin with TEXT.")] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most N sessions.")] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="ID", help="Only ids behind ID: the next page of --limit.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions, sorted by id."""
    url, _ = storage.split(args)
    problems: list[dict[str, str]] = []
    with working("listing") as meter, storage.existing(url, meter.observe) as store:
        ids = [id for id in store.iter_ids(prefix) if after is None or id > after]
        page = ids if limit is None else ids[:limit]
        found: list[SessionSummary] = []
        for start in range(0, len(page), _PAGE):
            found += _summaries(store, page[start : start + _PAGE], problems)
            meter.advance(start + _PAGE, len(page))
    following = page[-1] if len(page) < len(ids) else None
    if as_json:
        write_json({"sessions": [fields(summary) for summary in found], "problems": problems, "next": following})
    else:
        now = datetime.datetime.now(datetime.UTC)
        titles = ("id", "name", "state", "saved", "turns", "messages", "cost")
        cells = [
            (s.id, s.name, s.state, age(s.saved_at, now), str(s.turns), str(s.messages), f"{s.cost:.4f}") for s in found
        ]
        cells += [(problem["id"], "", "damaged", "", "", "", "") for problem in problems]
        write_table(titles, sorted(cells), numbers=titles[3:])
        if following is not None:
            say(f"{len(ids) - len(page)} more; the next page: --limit {limit} --after {following}")
    end_with(Code.FOUND if problems else Code.OK)


def _summaries(store: SessionStore, page: list[str], problems: list[dict[str, str]]) -> Iterator[SessionSummary]:
    """Read a page; one session that is damaged must not hide the others."""
    try:
        yield from store.summaries(page)
    except (IntegrityError, FormatError):
        for id in page:
            try:
                yield from store.summaries([id])
            except (IntegrityError, FormatError) as error:
                problems.append({"id": id, "problem": str(error)})


def show(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID", hidden=True)] = None,
    *,
    at: At = None,
    part: Annotated[
        Part | None, typer.Option("--part", help="The rows of one part, shortened; of the session its messages.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a session is: its state, counts and costs, or the rows of one part."""
    url, (id,) = storage.split(args, "ID")
    with working("reading") as meter, storage.existing(url, meter.observe) as store:
        if part is not None:
            rows = rows_of(part, _loaded(store, part, id, at))
        else:
            summary, session = _overview(store, id, at)
    if part is not None:
        if as_json:
            write_json({"id": id, "part": part.value, "rows": rows})
        else:
            titles = TITLES[part]
            write_table(titles, [[str(row[title]) for title in titles] for row in rows], numbers=NUMBERS)
        return
    document = {
        **fields(summary),
        "digest": session.revision.digest if session.revision else None,
        "workspace": session.config.workspace,
        "tools": session.tool_names,
        "tasks": len(session.tasks),
    }
    if as_json:
        write_json(document)
    else:
        lines = [f"{name.replace('_', ' '):<13} {_readable(value)}".rstrip() for name, value in document.items()]
        write("\n".join(lines) + "\n")


def _readable(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return moment(value)
    if isinstance(value, list):
        return shown(", ".join(map(str, value))) or "-"
    return "-" if value is None or value == "" else shown(str(value))


def _overview(store: SessionStore, id: str, at: int | None) -> tuple[SessionSummary, SessionData]:
    if at is None:
        summary = next(iter(store.summaries([id])), None)
        session = store.load(id, at=summary.seq) if summary else None
    else:
        session = store.load(id, at=at)  # first, since it says best why there is no commit of this number
        commit = next(commit for commit in store.history(id) if commit.seq == at)
        summary = summary_of(Listed(id, commit.seq, commit.time, commit.summary))
    if summary is None or session is None:
        raise _missing(id, None, at)
    return summary, session


def _loaded(store: SessionStore, part: Part, id: str, at: int | None) -> Any:
    value = load_part(store, part, id, at)
    if value is None:
        raise _missing(id, part, at)
    return value


def _missing(id: str, part: Part | None, at: int | None) -> NotFoundError:
    what = f"there is no session {id!r}" if part is None or part is Part.SESSION else f"{id!r} has no {part.value}"
    return NotFoundError(f"{what}{'' if at is None else f' at commit {at}'}; objstore ls shows what is there")


def log(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID", hidden=True)] = None,
    *,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="The newest N commits.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the history of a session, newest commit first."""
    url, (id,) = storage.split(args, "ID")
    with working("reading") as meter, storage.existing(url, meter.observe) as store:
        commits = store.history(id)
    if not commits:
        raise _missing(id, None, None)
    commits = commits[:limit]
    if as_json:
        write_json({"id": id, "commits": [_commit(commit) for commit in commits]})
        return
    titles = ("seq", "digest", "time", "kind", "parts", "messages", "commit", "objects")
    rows = [
        (
            str(c.seq),
            c.digest[:12],
            moment(c.time),
            c.kind,
            " ".join(c.parts),
            str(c.summary.get("messages", "-")),
            size(c.size),
            size(c.objects),
        )
        for c in commits
    ]
    write_table(titles, rows, numbers=("seq", "messages", "commit", "objects"))


def _commit(commit: CommitInfo) -> dict[str, Any]:
    origin = commit.origin and {"id": commit.origin.id, "seq": commit.origin.seq, "digest": commit.origin.digest}
    return {**fields(commit), "parts": list(commit.parts), "summary": dict(commit.summary), "origin": origin}


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
    """Print a part as JSON, byte for byte the file of A3S Code, or the contents of an artifact."""
    url, (id,) = storage.split(args, "ID")
    if artifact is not None and part not in (Part.SESSION, Part.ARTIFACTS):
        raise UsageError("--artifact and --part exclude each other; give one of them")
    which = Part.ARTIFACTS if artifact is not None else part
    with working("reading") as meter, storage.existing(url, meter.observe) as store:
        value = _loaded(store, which, id, at)
    data = encoded(which, value) if artifact is None else _contents(value, id, artifact)
    if out is not None:
        out.write_bytes(data)
    if as_json:
        content: Any = None
        if out is None:
            content = data.decode() if artifact is not None else json.loads(data)
        where = {"id": id, "part": which.value, "artifact": artifact, "at": at}
        write_json({**where, "size": len(data), "out": None if out is None else str(out), "content": content})
    elif out is not None:
        say(f"{size(len(data))} written to {out}")
    elif sys.stdout.isatty():
        write(shown(data.decode(), keep="\n\t") + "\n")
    else:
        write_bytes(data)


def encoded(part: Part, value: Any) -> bytes:
    """Write a part as the seed does, or as plain JSON where it could not read it."""
    adapter: TypeAdapter[Any] = part.adapter
    try:
        return _wire.encode(adapter, value)
    except InvalidValueError:
        return json.dumps(documents.to_document(adapter, value), indent=2, ensure_ascii=False).encode()


def _contents(artifacts: ArtifactStore, id: str, uri: str) -> bytes:
    found = artifacts.get(uri)
    if found is None:
        raise NotFoundError(f"{id!r} has no artifact of this uri; objstore show --part artifacts lists them")
    return found.content.encode()
