"""The commands about what a store takes, and that give some of it back: prune, collect, du."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from .._care.usage import Amount, SessionUsage
from ._options import AsJson, DryRun
from ._output import fields, say, working, write_doomed, write_json, write_table
from ._parts import missing
from ._places import Storage, moment_of
from ._problems import Code, UsageError, complain, end_with
from ._text import counted, size


def prune(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID", hidden=True)] = None,
    *,
    keep_last: Annotated[
        int | None,
        typer.Option("--keep-last", min=1, metavar="N", help="Keep the newest N commits, 1: its state only."),
    ] = None,
    keep_newer_than: Annotated[
        str | None,
        typer.Option("--keep-newer-than", metavar="WHEN", help="Keep the commits since: 30d, 12h, 2026-01-31."),
    ] = None,
    keep_snapshots: Annotated[
        int | None,
        typer.Option("--keep-snapshots", min=1, metavar="N", help="Keep the newest N snapshots and what is since."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give up the older history of a session. What only that needed is removed."""
    url, (id,) = storage.split(args, "ID")
    if keep_last is None and keep_newer_than is None and keep_snapshots is None:
        raise UsageError(
            "say what to keep: --keep-last N, --keep-newer-than 30d, --keep-snapshots N, or several of them"
        )
    newer = None if keep_newer_than is None else moment_of("--keep-newer-than", keep_newer_than)
    with working("pruning") as meter, storage.existing(url, meter.observe) as store:
        report = store.prune(
            id, keep_last=keep_last, keep_newer_than=newer, keep_snapshots=keep_snapshots, dry_run=dry_run
        )
    if not report.floor:
        raise missing(id)
    if as_json:
        removed, later = ([fields(each) for each in several] for several in (report.removed, report.later))
        write_json({"id": id, "floor": report.floor, "removed": removed, "later": later, "dry_run": dry_run})
        return
    if dry_run:
        write_doomed((*report.removed, *report.later))
    begins = f"{id}: the history {'would begin' if dry_run else 'begins'} with commit {report.floor}"
    verb = "would be removed" if dry_run else "removed"
    say(f"{begins}; {counted(len(report.removed), 'file')} {verb}, {len(report.later)} to go later")


def collect(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] [ID]...", hidden=True)] = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove what crashes, prunes and deletions left. Of some sessions, or of all."""
    url, ids = storage.split(args, several=True)
    with working("collecting") as meter, storage.existing(url, meter.observe) as store:
        report = store.collect(dict.fromkeys(ids) if ids else None, dry_run=dry_run)
    if as_json:
        removed = [fields(each) for each in report.removed]
        skipped = dict(report.skipped)
        counts = {"sessions": report.sessions, "removed": removed, "skipped": skipped}
        write_json({**counts, "missing": list(report.missing), "dry_run": dry_run})
    else:
        if dry_run:
            write_doomed(report.removed)
        verb = "would be removed" if dry_run else "removed"
        gone, skips = counted(len(report.removed), "file"), counted(len(report.skipped), "session")
        say(f"{counted(report.sessions, 'session')}, {gone} {verb}, {skips} skipped")
    _left_out(report.missing, report.skipped)


def _left_out(absent: Iterable[str], skipped: Mapping[str, str]) -> None:
    code = Code.FOUND if skipped else Code.OK
    for id in absent:
        complain(str(missing(id)))
        code = Code.NOT_FOUND
    for id, why in skipped.items():
        complain(f"{id!r} was skipped: {why}")
    end_with(code)


def du(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] [ID]...", hidden=True)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show how much some sessions take, or all, and what for. The ratio is to the JSON of their newest states."""
    url, given = storage.split(args, several=True)
    ids = [*dict.fromkeys(given)]
    with working("measuring") as meter, storage.existing(url, meter.observe) as store:
        report = store.du(ids or None)
    told = {usage.id for usage in report.sessions}.union(report.skipped)
    absent = [id for id in ids if id not in told]
    whole = sum(usage.total.size for usage in report.sessions)
    raw = sum(usage.raw for usage in report.sessions)
    ratio = whole / raw if raw else None
    if as_json:
        sessions = [_document(usage) for usage in report.sessions]
        totals = {"total": whole, "raw": raw, "ratio": ratio}
        write_json({"sessions": sessions, "skipped": dict(report.skipped), "missing": absent, **totals})
    else:
        titles = ("id", "commits", "below", "stubs", "objects", "garbage", "total", "raw", "ratio")
        write_table(titles, map(_row, report.sessions), numbers=titles[1:])
        found = counted(len(report.sessions), "session")
        say(f"{found}, {size(whole)} stored, {size(raw)} of JSON, ratio {_ratio(ratio)}")
    _left_out(absent, report.skipped)


def _row(usage: SessionUsage) -> tuple[str, ...]:
    objects = sum(amount.size for amount in usage.objects.values())
    amounts = (usage.commits.size, usage.below.size)
    more = (objects, usage.garbage.size, usage.total.size, usage.raw)
    return usage.id, *map(size, amounts), str(usage.stubs.count), *map(size, more), _ratio(usage.ratio)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _document(usage: SessionUsage) -> dict[str, Any]:
    document: dict[str, Any] = {
        **fields(usage), "total": usage.total, "objects": {str(e): fields(a) for e, a in usage.objects.items()}
    }  # fmt: skip
    plain = {key: fields(value) if isinstance(value, Amount) else value for key, value in document.items()}
    return {**plain, "ratio": usage.ratio}
