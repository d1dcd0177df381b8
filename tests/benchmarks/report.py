"""Tables of what was found, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from .adapter import Contender
from .measure import Cost, Outcome
from .run import Row, Setting

_KINDS = ("PUT", "GET", "LIST", "HEAD", "POST", "DELETE")
_MB = 1e6


def tables(setting: Setting, rows: Sequence[Row], contenders: dict[str, Contender]) -> str:
    """Write the tables of one setting. Numbers are medians of the repetitions; ratios are taken within each."""
    rows = [row for row in rows if row.runs or row.problem]
    done = [row for row in rows if row.runs]
    lines = [f"### {setting.title}", "", f"{setting.turns} turns, one session.", ""]
    lines += _table(_WRITING + ([] if setting.s3 else _LOCAL) + _OPENING, setting, rows, contenders)
    if any("many" in row.runs[0] for row in done):
        lines += ["", f"{setting.sessions} sessions of one small turn.", ""]
        lines += _table(_MANY, setting, done, contenders)
    return "\n".join(lines) + "\n"


Column = tuple[str, Callable[[Row, Row, Setting], str]]


def _table(
    columns: Sequence[Column], setting: Setting, rows: Sequence[Row], contenders: dict[str, Contender]
) -> list[str]:
    lines = [
        "| | " + " | ".join(title for title, _ in columns) + " | leaves out |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    floor = next((row for row in rows if row.runs), rows[0])
    for row in rows:
        cells = (
            [show(row, floor, setting) for _, show in columns]
            if row.runs
            else [row.problem] + [""] * (len(columns) - 1)
        )
        lines.append(f"| {row.name} | " + " | ".join(cells) + f" | {contenders[row.name].leaves_out or 'nothing'} |")
    return lines


def middle(values: Iterable[float]) -> float:
    """Give the median."""
    return statistics.median(values)


def turn_seconds(row: Row) -> list[float]:
    """Give the median over the repetitions of each turn's time."""
    return [middle(times) for times in zip(*(run["append"].seconds for run in row.runs), strict=True)]


def tenths(row: Row) -> float:
    """Compare the middle turn of the last tenth with that of the first."""

    def one(run: dict[str, Outcome]) -> float:
        times = run["append"].seconds
        length = max(1, len(times) // 10)
        return middle(times[-length:]) / middle(times[:length])

    return middle(one(run) for run in row.runs)


def ratio(row: Row, floor: Row, phase: str, work: str) -> float:
    """Compare the time of some work with the floor's, each repetition with its own."""
    pairs = zip(row.runs, floor.runs, strict=False)
    return middle(one[phase].costs[work].seconds / other[phase].costs[work].seconds for one, other in pairs)


def cost(row: Row, phase: str, work: str) -> Cost | None:
    """Give the cost of some work: medians of what varies, the least memory, the requests of the first repetition."""
    costs = [run[phase].costs[work] for run in row.runs if work in run[phase].costs]
    if not costs:
        return None
    memory = [each.memory for each in costs if each.memory is not None]
    return Cost(
        seconds=middle(each.seconds for each in costs),
        requests=costs[0].requests,
        written=costs[0].written,
        read=costs[0].read,
        memory=min(memory) if memory else None,
    )


def _requests(found: Cost | None, per: float = 1.0) -> str:
    if found is None:
        return "no such call"
    parts = [(kind, found.requests[kind] / per) for kind in _KINDS if kind in found.requests]
    return ", ".join(f"{number:.2f} {kind}" if per > 1 else f"{number:.0f} {kind}" for kind, number in parts) or "-"


def _bytes(number: int | None, payload: int) -> str:
    return "-" if number is None else f"{number / payload:.2f}x"


def _memory(found: Cost | None) -> str:
    return "-" if found is None or found.memory is None else f"{found.memory / _MB:.0f} MB"


def _milliseconds(found: Cost | None, per: float = 1.0) -> str:
    return (
        "no such call" if found is None else f"{found.seconds / per * 1000:.{1 if found.seconds / per < 0.1 else 0}f}"
    )


def _paid(row: Row) -> int:
    return row.runs[0]["append"].payload


def _written(row: Row, floor: Row, setting: Setting) -> str:
    return _bytes(_sure(cost(row, "append", "append")).written, _paid(row))


def _sure(found: Cost | None) -> Cost:
    assert found is not None
    return found


def _waves(row: Row, floor: Row, setting: Setting) -> str:
    counts = [run["waves"].waves for run in row.runs if "waves" in run]
    return str(min(each for each in counts if each is not None)) if counts else "-"


_WRITING: list[Column] = [
    ("time to the floor", lambda row, floor, _: f"{ratio(row, floor, 'append', 'append'):.2f}x"),
    ("ms a turn", lambda row, floor, _: f"{middle(turn_seconds(row)) * 1000:.2f}"),
    ("slowest ms", lambda row, floor, _: f"{max(turn_seconds(row)) * 1000:.1f}"),
    ("last tenth to first", lambda row, floor, _: f"{tenths(row):.2f}x"),
    ("requests a turn", lambda row, floor, setting: _requests(cost(row, "append", "append"), setting.turns)),
    ("written", _written),
    ("left", lambda row, floor, _: f"{row.left / _paid(row):.2f}x, {row.objects:,}"),
    ("memory", lambda row, floor, _: _memory(cost(row, "append", "append"))),
]
_LOCAL: list[Column] = []
_OPENING: list[Column] = [
    ("cold open ms", lambda row, floor, _: _milliseconds(cost(row, "open", "open"))),
    ("requests to open", lambda row, floor, _: _requests(cost(row, "open", "open"))),
    ("waves", _waves),
    ("memory to open", lambda row, floor, _: _memory(cost(row, "open", "open"))),
]
_MANY: list[Column] = [
    ("time to the floor", lambda row, floor, _: f"{ratio(row, floor, 'many', 'save'):.2f}x"),
    ("ms a session", lambda row, floor, setting: _milliseconds(cost(row, "many", "save"), setting.sessions)),
    ("requests a session", lambda row, floor, setting: _requests(cost(row, "many", "save"), setting.sessions)),
    ("list ms", lambda row, floor, _: _milliseconds(cost(row, "many", "list"))),
    ("requests to list", lambda row, floor, _: _requests(cost(row, "many", "list"))),
    ("ms to open one", lambda row, floor, setting: _milliseconds(cost(row, "many", "load"), setting.sessions)),
    ("requests to open one", lambda row, floor, setting: _requests(cost(row, "many", "load"), setting.sessions)),
]
