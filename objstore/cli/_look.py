"""The commands that examine: verify, check."""

from __future__ import annotations

from typing import Annotated

import typer

from .._care.verify import Finding, VerifyReport
from ..errors import NotFoundError
from ..store import SessionStore
from ._branch import ailing, where
from ._output import fields, say, working, write_json, write_table
from ._places import Storage
from ._problems import Code, end_with, scrub
from ._read import AsJson
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
        reports = [_one(store, id) for id in dict.fromkeys(ids)] if ids else [store.verify()]
    findings = [finding for report in reports for finding in report.findings]
    counts = {
        name: sum(getattr(report, name) for report in reports) for name in ("sessions", "commits", "objects", "size")
    }
    ailments = [ailment for report in reports for ailment in report.ailments]
    healthy = all(report.healthy for report in reports)
    if as_json:
        found = {"findings": list(map(fields, findings)), "ailments": list(map(ailing, ailments))}
        write_json({"ok": not findings, "healthy": healthy, **counts, **found})
    else:
        rows = [_row(finding) for finding in findings]
        rows += [(a.id, where((a.part, *a.path)), a.kind, f"{a.severity}: {a.detail}") for a in ailments]
        if rows:
            write_table(("id", "where", "problem", "detail"), rows)
        sessions, commits = counted(counts["sessions"], "session"), counted(counts["commits"], "commit")
        say(
            f"{sessions}, {commits}, {counted(counts['objects'], 'object')}, "
            f"{size(counts['size'])} read: {_verdict(len(findings), sum(a.severity == 'error' for a in ailments))}"
        )
    end_with(Code.OK if healthy else Code.FOUND)


def _verdict(findings: int, ailments: int) -> str:
    if findings:
        return counted(findings, "finding")
    if ailments:
        return f"nothing is damaged, but {counted(ailments, 'ailment')}; see objstore repair"
    return "all is well"


def _one(store: SessionStore, id: str) -> VerifyReport:
    report = store.verify([id])
    if not report.sessions and report.ok:
        raise NotFoundError(f"there is no session {id!r}; objstore ls shows what is there")
    return report


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
