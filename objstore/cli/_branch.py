"""The commands that compare, branch and mend one session: diff, fork, repair."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

import typer

from .._care.ailments import Ailment
from .._care.mend import RepairReport
from .._log.compare import Difference
from ._output import fields, say, working, write_json, write_table
from ._places import Storage
from ._problems import Code, UsageError, end_with
from ._read import AsJson, At, missing
from ._text import counted, moment, short


def diff(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID A B", hidden=True)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what changed in a session from commit A to commit B."""
    url, (id, *words) = storage.split(args, "ID", "A", "B")
    old, new = (_number(word) for word in words)
    with working("comparing") as meter, storage.existing(url, meter.observe) as store:
        found = store.diff(id, old, new).differences
    if as_json:
        differences = [{**fields(each), "path": list(each.path)} for each in found]
        write_json({"id": id, "old": old, "new": new, "differences": differences})
        return
    if found:
        write_table(("change", "where", "what"), [(each.kind, where(each.path), _what(each)) for each in found])
    say(f"{counted(len(found), 'difference')} between commit {old} and commit {new}" if found else "nothing changed")


def _number(word: str) -> int:
    with suppress(ValueError):  # it has more digits than Python reads
        if word.isascii() and word.isdecimal() and (number := int(word)):
            return number
    raise UsageError(f"{short(word)!r} is not the number of a commit; objstore log shows them")


def where(path: tuple[str | int, ...]) -> str:
    """Write a path: ``session.messages[3].role``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _what(difference: Difference) -> str:
    match difference.kind:
        case "added":
            return _value(difference.new)
        case "removed":
            return _value(difference.old)
        case "changed":
            return f"{_value(difference.old, 50)} -> {_value(difference.new, 50)}"


def _value(value: Any, length: int = 100) -> str:
    """Make one line of a value: a message as who said what, everything else as JSON."""
    if isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), list):
        said = (_block(block) for block in value["content"])
        return short(f"{value['role']}: {' '.join(said)}", length)
    return short(json.dumps(value, ensure_ascii=False), length)


def _block(block: Any) -> str:
    kind, text = (block.get("type"), block.get("text")) if isinstance(block, dict) else (None, None)
    return text if kind == "text" and isinstance(text, str) else f"[{kind}]"


def fork(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID NEW", hidden=True)] = None,
    *,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Make a new session NEW of a session, or of its commit N. The two share nothing afterwards."""
    url, (id, new) = storage.split(args, "ID", "NEW")
    with working("forking") as meter, storage.existing(url, meter.observe) as store:
        revision = store.fork(id, new, at=at)
        origin = next(commit.origin for commit in store.history(new) if commit.seq == revision.seq)
    seq = None if origin is None else origin.seq
    if as_json:
        write_json({"id": new, "origin": {"id": id, "seq": seq}, "seq": revision.seq, "digest": revision.digest})
    else:
        say(f"{new}: commit {revision.seq} holds the state of commit {seq} of {id}")


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
        "mends": [{**ailing(mend.ailment), "done": mend.done} for mend in report.mends],
        "ailments": [ailing(ailment) for ailment in report.ailments],
    }


def ailing(ailment: Ailment) -> dict[str, Any]:
    """Give an ailment as a JSON object."""
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
