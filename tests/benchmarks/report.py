"""Tables of what was found, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from .measure import Cost
from .run import Row, Setting

_KINDS = ("PUT", "GET", "LIST", "HEAD", "POST", "DELETE")
_MB = 1_000_000
_NOTHING = "-"

Column = tuple[str, Callable[[Row, Row], str]]


def tables(setting: Setting, rows: Sequence[Row]) -> str:
    """Write the tables of one setting, in which the first row is the floor."""
    lines = [f"### {setting.title}", ""]
    ended = [row for row in rows if row.runs]
    if not ended:
        return "\n".join([*lines, *(f"{row.contender.name}: {row.problem}" for row in rows)]) + "\n"
    requests = setting.s3
    waves = [("waves", _waves)] if setting.latency else []
    writing = [*_WRITING[:6], *(_REQUESTS if requests else []), *_WRITING[6:]]
    opening = [*_OPENING[:2], *(_OPENING_REQUESTS if requests else []), *waves, *_OPENING[2:]]
    many = [*_MANY[:2], *(_MANY_REQUESTS if requests else []), *_MANY[2:]]
    lines += [f"{setting.turns} turns of one session, written:", "", *_table(writing, rows, ended[0], notes=True), ""]
    lines += ["Opened cold:", "", *_table(opening, ended, ended[0]), ""]
    if "save" in ended[0].runs[0]:
        lines += [f"{setting.sessions} sessions of one small turn:", "", *_table(many, ended, ended[0]), ""]
    return "\n".join(lines)


def _table(columns: Sequence[Column], rows: Sequence[Row], floor: Row, *, notes: bool = False) -> list[str]:
    titles = ["", *(title for title, _ in columns), *(["leaves out"] if notes else [])]
    lines = [_line(titles), "|---" * len(titles) + "|"]
    for row in rows:
        missing = [row.problem, *[""] * (len(columns) - 1)]
        cells = [show(row, floor) for _, show in columns] if row.runs else missing
        lines.append(_line([row.contender.name, *cells, *([row.contender.leaves_out or "nothing"] if notes else [])]))
    return lines


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def costs(row: Row, work: str) -> list[Cost]:
    """Give what some work cost in each repetition."""
    return [run[work] for run in row.runs if work in run]


def seconds(row: Row, work: str) -> list[float]:
    """Give the time of each piece: the best of the repetitions, since whatever else the machine does only adds."""
    return [min(times) for times in zip(*(cost.seconds for cost in costs(row, work)), strict=True)]


def ratio(row: Row, floor: Row, work: str) -> float:
    """Compare the time of some work with the floor's; of many pieces all but the first, which also connects."""
    first = 0 if work == "open" else 1
    return sum(seconds(row, work)[first:]) / sum(seconds(floor, work)[first:])


def growth(row: Row) -> float:
    """Compare the median turn of the last tenth with that of the first."""
    times = seconds(row, "append")[1:]
    length = max(1, len(times) // 10)
    return statistics.median(times[-length:]) / statistics.median(times[:length])


def _milliseconds(row: Row, work: str, choose: Callable[[Sequence[float]], float] = statistics.median) -> str:
    return f"{choose(seconds(row, work)) * 1000:.2f}"


def _processor(row: Row, work: str) -> str:
    found = costs(row, work)
    return f"{min(cost.processor / len(cost.seconds) for cost in found) * 1000:.2f}"


def _requests(row: Row, work: str) -> str:
    cost = costs(row, work)[0]
    pieces = len(cost.seconds)
    found = [(kind, cost.requests[kind] / pieces) for kind in _KINDS if kind in cost.requests]
    return (
        ", ".join(f"{number:.3g} {kind}" if number < 100 else f"{number:.0f} {kind}" for kind, number in found)
        or _NOTHING
    )


def _written(row: Row, work: str) -> str:
    cost = costs(row, work)[0]
    return f"{cost.written[-1] / cost.payload:.2f}x" if cost.written[-1] else _NOTHING


def _memory(row: Row, work: str) -> str:
    found = [cost.memory for cost in costs(row, work) if cost.memory is not None]
    return f"{min(found) / _MB:.0f}" if found else _NOTHING


def _waves(row: Row, floor: Row) -> str:
    found = [cost.waves for cost in costs(row, "waves")]
    return str(min(found)) if found else _NOTHING


def _left(row: Row, floor: Row) -> str:
    return f"{row.left / costs(row, 'append')[0].payload:.2f}x in {row.objects}"


def _list(show: Callable[[Row, str], str]) -> Callable[[Row, Row], str]:
    return lambda row, _: show(row, "list") if row.contender.lists else "no such call"


_WRITING: list[Column] = [
    ("time to the floor", lambda row, floor: f"{ratio(row, floor, 'append'):.2f}x"),
    ("ms a turn", lambda row, _: _milliseconds(row, "append")),
    ("first", lambda row, _: _milliseconds(row, "append", lambda times: times[0])),
    ("slowest after", lambda row, _: _milliseconds(row, "append", lambda times: max(times[1:], default=0.0))),
    ("last tenth to first", lambda row, _: f"{growth(row):.2f}x"),
    ("CPU ms a turn", lambda row, _: _processor(row, "append")),
    ("written to payload", lambda row, _: _written(row, "append")),
    ("left to payload", _left),
    ("MB of memory", lambda row, _: _memory(row, "append")),
]
_REQUESTS: list[Column] = [("requests a turn", lambda row, _: _requests(row, "append"))]
_OPENING: list[Column] = [
    ("time to the floor", lambda row, floor: f"{ratio(row, floor, 'open'):.2f}x"),
    ("ms", lambda row, _: _milliseconds(row, "open")),
    ("CPU ms", lambda row, _: _processor(row, "open")),
    ("MB of memory", lambda row, _: _memory(row, "open")),
]
_OPENING_REQUESTS: list[Column] = [("requests", lambda row, _: _requests(row, "open"))]
_MANY: list[Column] = [
    ("time to save to the floor", lambda row, floor: f"{ratio(row, floor, 'save'):.2f}x"),
    ("ms to save one", lambda row, _: _milliseconds(row, "save")),
    ("ms to open one", lambda row, _: _milliseconds(row, "load")),
    ("ms to list all", _list(lambda row, work: _milliseconds(row, work))),
]
_MANY_REQUESTS: list[Column] = [
    ("requests to save one", lambda row, _: _requests(row, "save")),
    ("requests to open one", lambda row, _: _requests(row, "load")),
    ("requests to list all", _list(_requests)),
]
