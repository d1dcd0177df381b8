"""The commands that change one store: rm, restore."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from .._care.retention import Doomed
from ..errors import IntegrityError
from ..store import SessionStore
from ._options import AsJson, DryRun
from ._output import fields, say, working, write_doomed, write_json
from ._places import Storage
from ._problems import Code, UsageError, complain, end_with
from ._text import counted


def rm(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID...", hidden=True)] = None,
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Erase the history now, not after a day.")] = False,
    keep_versions: Annotated[
        bool, typer.Option("--keep-versions", help="Purge though the bucket keeps versions.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete sessions with all that belongs to them. It cannot be undone."""
    url, given = storage.split(args, "ID", several=True)
    ids = [*dict.fromkeys(given)]
    with storage.existing(url) as store:
        there = [id for id in ids if _is_there(store, id)]
        missing = [id for id in ids if id not in there]
        if there and not dry_run and not yes:
            _ask(there)
        removed: list[Doomed] = []
        later: list[Doomed] = []
        gone: list[str] = []
        try:
            with working("deleting") as meter:
                for id in there:
                    if dry_run:
                        now, then = store._opened.driver.run(store._opened.foresee_delete(id, purge=purge))
                        removed += now
                        later += then
                    else:
                        store.delete(id, purge=purge, keep_versions=keep_versions)
                    gone.append(id)
                    meter.advance(len(gone), len(there))
        finally:
            if gone or not there:  # they are gone, whatever became of the next one
                report = {"deleted": gone, "missing": missing, "purge": purge, "dry_run": dry_run}
                _tell(report, removed, later, as_json=as_json)
    if missing:
        complain(f"there is no session {' and no '.join(map(repr, missing))}; objstore ls shows what is there")
    end_with(Code.NOT_FOUND if missing else Code.OK)


def _tell(report: dict[str, Any], removed: list[Doomed], later: list[Doomed], *, as_json: bool) -> None:
    if as_json:
        write_json({**report, "removed": [*map(fields, removed)], "later": [*map(fields, later)]})
        return
    write_doomed((*removed, *later))
    for id in report["deleted"]:
        say(f"{'would delete' if report['dry_run'] else 'deleted'} {id}")


def _is_there(store: SessionStore, id: str) -> bool:
    """Say whether there is anything to delete: a session, siblings without one, or what is damaged."""
    try:
        return store.exists(id) or store.load_bundle(id) is not None
    except IntegrityError:
        return True


def _ask(ids: list[str]) -> None:
    if sys.stdin is None or not sys.stdin.isatty():  # it is None where it is closed
        raise UsageError("deleting needs a yes, and there is no terminal to ask on; add --yes, or look with --dry-run")
    what = f"the session {ids[0]!r}" if len(ids) == 1 else counted(len(ids), "session")
    if not typer.confirm(f"Delete {what}? It cannot be undone.", err=True):
        complain("nothing was deleted")
        raise typer.Exit(Code.FOUND)


def restore(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID", hidden=True)] = None,
    *,
    at: Annotated[int, typer.Option("--at", min=1, metavar="N", help="The commit to go back to.")],
    as_json: AsJson = False,
) -> None:
    """Commit the state of an older commit on top of the newest. What it replaces stays in the history."""
    url, (id,) = storage.split(args, "ID")
    with storage.existing(url) as store:
        revision = store.restore(id, at)
    if as_json:
        write_json({"id": id, "at": at, "seq": revision.seq, "digest": revision.digest})
    else:
        say(f"{id}: commit {revision.seq} holds the state of commit {at}")
