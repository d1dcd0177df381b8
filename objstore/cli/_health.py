"""The commands about the health of a store: verify, repair, check."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .._care.ailments import Ailment
from .._care.findings import Finding, VerifyReport
from .._care.repair import RepairReport
from ._options import AsJson
from ._output import fields, say, working, write_json, write_table
from ._parts import missing
from ._places import Storage
from ._problems import Code, complain, end_with, scrub
from ._text import counted, moment, size, where


def verify(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] [ID]...", hidden=True)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check all that is stored of some sessions, or of all. Reads everything: digests, chain, references, states."""
    url, ids = storage.split(args, several=True)
    with working("verifying") as meter, storage.existing(url, meter.observe) as store:
        report = store.verify(dict.fromkeys(ids) if ids else None)
    if as_json:
        found = {"findings": list(map(fields, report.findings)), "ailments": list(map(_ailing, report.ailments))}
        counts = {name: getattr(report, name) for name in ("sessions", "commits", "objects", "size")}
        verdict = {"ok": report.ok, "healthy": report.healthy}
        write_json({**verdict, **counts, **found, "missing": list(report.missing)})
    else:
        rows = [_row(finding) for finding in report.findings]
        rows += [(a.id, _place(a), a.kind, f"{a.severity}: {a.detail}") for a in report.ailments]
        if rows:
            write_table(("id", "where", "problem", "detail"), rows)
        read = counted(report.sessions, "session"), counted(report.commits, "commit"), counted(report.objects, "object")
        say(f"{', '.join(read)}, {size(report.size)} read: {_verdict(report)}")
    for id in report.missing:
        complain(str(missing(id)))
    end_with(Code.NOT_FOUND if report.missing else Code.OK if report.healthy else Code.FOUND)


def _verdict(report: VerifyReport) -> str:
    if report.findings:
        return counted(len(report.findings), "finding")
    if not report.healthy:
        errors = sum(ailment.severity == "error" for ailment in report.ailments)
        return f"nothing is damaged, but {counted(errors, 'ailment')}; see objstore repair"
    return "all is well"


def _row(finding: Finding) -> tuple[str, str, str, str]:
    return finding.id or "-", finding.key, finding.problem, finding.detail


def repair(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID", hidden=True)] = None,
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without this only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how a session can be made fit to be resumed. With --apply, do so; stop its agent first."""
    url, (id,) = storage.split(args, "ID")
    with working("repairing") as meter, storage.existing(url, meter.observe) as store:
        report = store.repair(id, dry_run=not apply)
    if not report.seq:
        raise missing(id)
    if as_json:
        write_json(_document(report))
    else:
        _tell(report)
    left = any(ailment.severity == "error" for ailment in report.ailments)
    end_with(Code.FOUND if left or (report.needed and not apply) else Code.OK)


def _document(report: RepairReport) -> dict[str, Any]:
    return {
        **fields(report),
        "needed": report.needed,
        "damage": [fields(finding) for finding in report.damage],
        "lost": [fields(commit) for commit in report.lost],
        "mends": [{**_ailing(mend.ailment), "done": mend.done} for mend in report.mends],
        "ailments": [_ailing(ailment) for ailment in report.ailments],
    }


def _ailing(ailment: Ailment) -> dict[str, Any]:
    return {**fields(ailment), "path": list(ailment.path)}


def _tell(report: RepairReport) -> None:
    verb = "would be" if report.dry_run else "was"
    rows: list[tuple[str, str, str]] = [(finding.problem, finding.key, finding.detail) for finding in report.damage]
    for commit in report.lost:
        when = f" of {moment(commit.time)}" if commit.time else ""
        rows.append((commit.problem, f"commit {commit.seq}{when}", f"{verb} set aside; {_told(commit.parts)}"))
    rows += [(m.ailment.kind, _place(m.ailment), f"{verb} mended: {m.done}") for m in report.mends]
    rows += [(a.kind, _place(a), f"remains ({a.severity}): {a.detail}") for a in report.ailments]
    if rows:
        write_table(("problem", "where", "what"), rows)
    if report.lost and report.deleted:
        say(f"{report.id} was deleted, and {'would stay' if report.dry_run else 'stays'} so")
    elif report.lost and report.resumed is None:
        say("no state of the session can be read any more")
    elif report.lost:
        goes_on = f"{'would go on' if report.dry_run else 'goes on'} from the state of commit {report.resumed}"
        say(f"{report.id} {goes_on}; older commits cannot be loaded afterwards, so fork first what shall be kept")
    if not report.needed:
        say(f"{report.id}: there is nothing to repair")
    elif report.dry_run:
        say("nothing was done; repeat with --apply, while no agent is at work on the session")
    else:
        say(f"{report.id}: commit {report.seq} is the newest now")


def _told(parts: tuple[str, ...] | None) -> str:
    return "what it changed cannot be told" if parts is None else f"it changed {', '.join(parts) or 'nothing'}"


def _place(ailment: Ailment) -> str:
    return where((ailment.part, *ailment.path))


def check(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL]", hidden=True)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Try out whether a place is fit to hold a store. Nothing is left behind."""
    url, _ = storage.split(args)
    with (
        working("checking") as meter,
        storage.open(url, layout=storage.layout, options=storage.options_for(url), observer=meter.observe) as store,
    ):
        report = store.check()
    if as_json:
        findings = [fields(finding) for finding in report.findings]
        write_json({"ok": report.ok, "backend": report.backend, "findings": findings})
    else:
        marks = {True: "ok", False: "FAILED", None: "-"}
        write_table(("what", "is", "detail"), [(f.name, marks[f.ok], scrub(f.detail)) for f in report.findings])
        say("fit to hold a store" if report.ok else "not fit to hold a store")
    end_with(Code.OK if report.ok else Code.FOUND)
