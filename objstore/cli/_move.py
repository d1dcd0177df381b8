"""The commands between two stores: copy, import, export."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from ..errors import NotFoundError
from ..transfer import CopyEvent, CopyReport
from ..transfer import copy as copy_sessions
from ._options import AsJson
from ._output import Meter, say, working, write_json
from ._places import LayoutOption, Storage, demand, is_local
from ._problems import Code, complain, end_with, scrub

Ids = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="Only this session; may be given again for others.")
]
Lossy = Annotated[
    bool, typer.Option("--lossy", help="Write also artifacts that A3S Code will drop when it loads them.")
]


def copy(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="SOURCE TARGET", hidden=True)] = None,
    *,
    ids: Ids = None,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Copy only the newest state of each session, as one commit.")
    ] = False,
    lossy: Lossy = False,
    source_option: Annotated[
        list[str] | None, typer.Option("--source-option", metavar="KEY=VALUE", help="Like --option, of SOURCE only.")
    ] = None,
    target_option: Annotated[
        list[str] | None, typer.Option("--target-option", metavar="KEY=VALUE", help="Like --option, of TARGET only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy sessions from a store into another. The layouts may differ; --layout is TARGET's."""
    source, target = storage.pair(args, store_first=True)
    origin, goal = _side(storage, source, source_option), _side(storage, target, target_option)
    sides: tuple[Side, Side] = (source, None, origin), (target, storage.layout, goal)
    _move(storage, *sides, ids, history=not no_history, lossy=lossy, as_json=as_json)


def import_(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="DIR [URL]", hidden=True)] = None,
    *,
    ids: Ids = None,
    lossy: Lossy = False,
    as_json: AsJson = False,
) -> None:
    """Copy the sessions in a directory of A3S Code into a store. --layout is the store's."""
    source, target = storage.pair(args, store_first=False)
    tree = (source, LayoutOption.TREE, _side(storage, source))
    _move(storage, tree, (target, storage.layout, _side(storage, target)), ids, lossy=lossy, as_json=as_json)


def export(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] DIR", hidden=True)] = None,
    *,
    ids: Ids = None,
    lossy: Lossy = False,
    as_json: AsJson = False,
) -> None:
    """Copy sessions into a directory as A3S Code keeps them. --layout is the store's."""
    source, target = storage.pair(args, store_first=True)
    tree = (target, LayoutOption.TREE, _side(storage, target))
    _move(storage, (source, storage.layout, _side(storage, source)), tree, ids, lossy=lossy, as_json=as_json)


Side = tuple[str, LayoutOption | None, dict[str, Any] | None]


def _side(storage: Storage, url: str, extra: list[str] | None = None) -> dict[str, Any] | None:
    """Make the storage_options of one side; what all sides have in common is not meant for a local one."""
    if is_local(url):
        storage = Storage()
    return storage.options_for(url, extra)


def _move(
    storage: Storage,
    source: Side,
    target: Side,
    ids: list[str] | None,
    *,
    history: bool = True,
    lossy: bool,
    as_json: bool,
) -> None:
    with ExitStack() as stack:
        meter = stack.enter_context(working("copying"))
        origin, goal = (
            stack.enter_context(storage.open(url, layout=layout, options=options, observer=meter.observe))
            for url, layout, options in (source, target)
        )
        demand(origin, source[0])
        report = copy_sessions(origin, goal, ids=ids, history=history, lossy=lossy, progress=_reporter(meter))
    if not (report.copied or report.unchanged or report.failed) and source[1] is LayoutOption.TREE:
        raise NotFoundError(f"there are no sessions in {scrub(source[0])}; look at the path")
    _tell(report, as_json=as_json)
    end_with(Code.OK if report.ok else Code.FOUND)


def _reporter(meter: Meter) -> Callable[[CopyEvent], None]:
    def progress(event: CopyEvent) -> None:
        meter.advance(event.done, event.total)

    return progress


def _tell(report: CopyReport, *, as_json: bool) -> None:
    if as_json:
        lists = {"copied": list(report.copied), "unchanged": list(report.unchanged)}
        warnings = {id: list(places) for id, places in report.warnings.items()}
        written = {"commits": report.commits, "objects": report.objects, "size": report.size}
        failed = dict(report.failed)
        write_json({**lists, "failed": failed, "warnings": warnings, "history": report.history, **written})
    else:
        say(f"{len(report.copied)} copied, {len(report.unchanged)} unchanged, {len(report.failed)} failed")
    for id, places in report.warnings.items():
        more = f" and {len(places) - 3} more" if len(places) > 3 else ""
        complain(f"warning: A3S Code will not load all of {id!r} ({', '.join(places[:3])}{more})")
    for id, problem in report.failed.items():
        complain(f"{id!r} was not copied: {problem}")
