"""The commands that examine: verify, check."""

from __future__ import annotations

from typing import Annotated

import typer

from .._care.findings import Finding, VerifyReport
from ._branch import ailing, where
from ._output import fields, say, working, write_json, write_table
from ._places import Storage
from ._problems import Code, complain, end_with, scrub
from ._read import AsJson, missing
from ._text import counted, size


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
        found = {"findings": list(map(fields, report.findings)), "ailments": list(map(ailing, report.ailments))}
        counts = {name: getattr(report, name) for name in ("sessions", "commits", "objects", "size")}
        verdict = {"ok": report.ok, "healthy": report.healthy}
        write_json({**verdict, **counts, **found, "missing": list(report.missing)})
    else:
        rows = [_row(finding) for finding in report.findings]
        rows += [(a.id, where((a.part, *a.path)), a.kind, f"{a.severity}: {a.detail}") for a in report.ailments]
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
