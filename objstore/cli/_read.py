"""The commands that list sessions and tell of them: ls, show, log."""

from __future__ import annotations

import datetime
import shlex
from itertools import islice
from typing import Annotated, Any

import typer

from .._engine.summary import SessionSummary, summary_of
from .._log.listing import Listed, at_second
from .._log.session import CommitInfo
from ..models import SessionData, SessionState
from ..store import SessionStore
from ._options import AsJson, At
from ._output import fields, say, working, write, write_json, write_table
from ._parts import NUMBERS, TITLES, Part, absent, load_part, missing, rows_of
from ._places import Storage, moment_of
from ._problems import Code, UsageError, end_with
from ._text import age, moment, shown, size

_PAGE = 64


def ls(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL]", hidden=True)] = None,
    *,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Only ids that begin with TEXT.")] = "",
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help=f"Only sessions in this state: {', '.join(SessionState)}."),
    ] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", metavar="ID", help="Only sessions that were started from ID.")
    ] = None,
    updated_since: Annotated[
        str | None,
        typer.Option("--updated-since", metavar="WHEN", help="Only sessions updated since: 30d, 12h, 2026-01-31."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most N sessions.")] = 100,
    after: Annotated[
        str | None, typer.Option("--after", metavar="ID", help="Only what comes behind ID: the next page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions, a page at a time."""
    url, _ = storage.split(args)
    since = None if updated_since is None else moment_of("--updated-since", updated_since)
    if state is not None and state not in set(SessionState):
        raise UsageError(f"no session is in the state {state!r}; the states are {', '.join(SessionState)}")
    found: list[SessionSummary] = []
    with working("listing") as meter, storage.existing(url, meter.observe) as store:
        ids = store.iter_ids(prefix, after=after)
        while len(found) < limit and (page := list(islice(ids, min(limit - len(found), _PAGE)))):
            found += store.iter_summaries(page, state=state, parent=parent, updated_since=since, sizes=True)
            meter.advance(len(found), limit)
        following = page[-1] if page and next(ids, None) is not None else None
    problems = [{"id": summary.id, "problem": summary.problem} for summary in found if summary.problem]
    if as_json:
        sessions = [_summary(summary) for summary in found if summary.problem is None]
        write_json({"sessions": sessions, "problems": problems, "next": following})
    else:
        now = datetime.datetime.now(datetime.UTC)
        titles = ("id", "name", "state", "saved", "turns", "messages", "cost", "size")
        write_table(titles, [_cells(summary, now) for summary in found], numbers=titles[3:])
        if following is not None:
            say(f"there are more; the next page: --limit {limit} --after {shlex.quote(following)}")
    end_with(Code.FOUND if problems else Code.OK)


def _cells(s: SessionSummary, now: datetime.datetime) -> tuple[str, ...]:
    if s.problem is not None:
        return s.id, "", "damaged", "", "", "", "", ""
    saved, stored = age(s.saved_at, now), size(s.size or 0)
    return s.id, s.name, s.state, saved, str(s.turns), str(s.messages), f"{s.cost:.4f}", stored


def _summary(summary: SessionSummary) -> dict[str, Any]:
    """Give a summary as a JSON object, without a problem, which it does not have."""
    return {name: value for name, value in fields(summary).items() if name != "problem"}


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
    """Show what a session is: its state, counts and costs. With --part, the rows of that part."""
    url, (id,) = storage.split(args, "ID")
    with working("reading") as meter, storage.existing(url, meter.observe) as store:
        if part is not None:
            rows = rows_of(part, load_part(store, part, id, at))
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
        **_summary(summary),
        "digest": session.revision.digest if session.revision else None,
        "workspace": session.config.workspace,
        "tools": session.tool_names,
        "tasks": len(session.tasks),
    }
    if as_json:
        write_json(document)
    else:
        document["size"] = None if summary.size is None else size(summary.size)
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
        summary = next(store.iter_summaries([id], sizes=True), None)
        session = store.load(id, at=None if summary.problem else summary.seq) if summary else None
    else:
        session = store.load(id, at=at)  # first, since it says best why there is no commit of this number
        commit = next(commit for commit in store.history(id) if commit.seq == at)
        summary = summary_of(Listed(id, commit.seq, commit.time, commit.summary))
    if summary is None or session is None:
        raise absent(store, id, None, at)
    return summary, session


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
        raise missing(id)
    commits = commits[:limit]
    if as_json:
        write_json({"id": id, "commits": [_commit(commit) for commit in commits]})
        return
    titles = ("seq", "digest", "time", "kind", "parts", "messages", "cost", "commit", "objects", "writer")
    rows = [
        (
            str(c.seq),
            c.digest[:12],
            moment(c.time),
            c.kind,
            " ".join(c.parts),
            str(c.summary.get("messages", "-")),
            _cost(c.summary.get("cost")),
            size(c.size),
            size(c.objects),
            c.writer or "-",
        )
        for c in commits
    ]
    write_table(titles, rows, numbers=("seq", "messages", "cost", "commit", "objects"))


def _cost(value: object) -> str:
    try:
        return f"{value:.4f}" if isinstance(value, (int, float)) else "-"
    except OverflowError:  # an integer of hundreds of digits, which no float holds
        return "-"


def _commit(commit: CommitInfo) -> dict[str, Any]:
    origin = commit.origin and {"id": commit.origin.id, "seq": commit.origin.seq, "digest": commit.origin.digest}
    times = ("created_at", "updated_at")
    told = {name: at_second(value) for name in times if isinstance(value := commit.summary.get(name), int)}
    return {**fields(commit), "parts": list(commit.parts), "summary": {**commit.summary, **told}, "origin": origin}
