"""Put tables and plots into the documentation: docs/performance.md, and docs/plots beside it."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .plots import plot, smoothed, thinned
from .report import costs, seconds, tables
from .run import Row, Setting

_PACKAGES = (
    *("objstore", "s3fs", "aiobotocore", "boto3", "obstore", "moto"),
    *("openai-agents", "strands-agents", "langgraph", "langgraph-checkpoint-sqlite"),
)
_MB = 1_000_000


def publish(docs: Path, place: str, setting: Setting, rows: Sequence[Row], command: str) -> None:
    """Replace what docs/performance.md says between the marks of a place, and draw its plots.

    Raises:
        ValueError: The page has no such marks.
    """
    page = docs / "performance.md"
    text, marks = page.read_text(), rf"(<!-- {place}: begin -->\n).*?(<!-- {place}: end -->)"
    plots = {f"{place}-turns.svg": _of_turns(setting, rows), f"{place}-bytes.svg": _of_bytes(setting, rows)}
    images = "".join(f"![{name.removesuffix('.svg').replace('-', ', ')}](plots/{name})\n\n" for name in plots)
    shown = f"\n`{command}`, {_circumstances(setting)}.\n\n{tables(setting, rows)}\n{images}"
    replaced, number = re.subn(marks, lambda found: found[1] + shown + found[2], text, flags=re.DOTALL)
    if number != 1:
        raise ValueError(f"{page} has no marks for {place}")
    page.write_text(replaced)
    (docs / "plots").mkdir(exist_ok=True)
    for name, drawn in plots.items():
        (docs / "plots" / name).write_text(drawn)


def _circumstances(setting: Setting) -> str:
    day = datetime.datetime.now(datetime.UTC).strftime("%d %B %Y").lstrip("0")
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    cores = f"{os.cpu_count()} cores, Python {platform.python_version()}, {setting.repeats} repetitions"
    return f"{day}, {cores}; {', '.join(found)}"


def _of_turns(setting: Setting, rows: Sequence[Row]) -> str:
    times = {row.contender.name: smoothed([1000 * each for each in seconds(row, "append")[1:]]) for row in _ended(rows)}
    return plot(f"{setting.title}: time of a turn (medians of twenty)", "ms", times)


def _of_bytes(setting: Setting, rows: Sequence[Row]) -> str:
    sums = {
        row.contender.name: thinned([each / _MB for each in costs(row, "append")[0].written]) for row in _ended(rows)
    }
    return plot(f"{setting.title}: bytes written so far", "MB", sums)


def _ended(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.runs]
