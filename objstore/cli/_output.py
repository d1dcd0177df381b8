"""What a command writes: a table for people or one JSON document for programs, and progress on stderr."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .._care.retention import Doomed
from .._engine.observing import Event, OperationEvent
from ._text import counted, moment, shown, size

_RULES = 3  # how much wider than its longest cell a column is at most
_NARROW = 20  # below that a column that is folded can be read no better than lines that the terminal folds


def write(text: str) -> None:
    """Write a text to stdout; what its encoding lacks is escaped."""
    write_bytes(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def write_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are."""
    try:
        sys.stdout.flush()
        rest = memoryview(data)
        while rest:  # with PYTHONUNBUFFERED this is the bare file, which may take less than all
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = "standard output"
        discard(sys.stdout)
        raise


def discard(stream: TextIO) -> None:
    """Let go of what an output did not take: it would fail once more while the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str) -> None:
    """Write one line for people."""
    write(f"{shown(text)}\n")


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document. All but ASCII is escaped, so it is the same in every locale."""
    write(json.dumps(document, indent=2, default=_plain) + "\n")


def _plain(value: object) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the output")


def fields(value: Any) -> dict[str, Any]:
    """Give the fields of a value of the library as a JSON object."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def write_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> None:
    """Write a table: with rules on a terminal that has room for it, in plain columns elsewhere.

    Only the widest column is folded. Cells lose what would act on a terminal.

    Args:
        titles: The heads of the columns.
        rows: The cells.
        numbers: The heads of the columns that are set to the right.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    lines = [list(titles), *cells]
    right = set(numbers)
    widths = _widths(lines)
    widest = widths.index(max(widths))
    console = Console(highlight=False, markup=False, emoji=False)
    room = console.width - sum(widths) + widths[widest] - _RULES * len(widths)
    if not console.is_terminal or room < min(widths[widest], _NARROW):
        _write_plain(lines, [title in right for title in titles])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if title in right else "left", overflow="fold", no_wrap=place != widest)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as captured:
        console.print(table)
    write(captured.get())


def write_doomed(doomed: Iterable[Doomed]) -> None:
    """Write what goes, why and when; nothing where nothing does."""
    rows = [(each.key, each.why, moment(each.after) if each.after else "now") for each in doomed]
    if rows:
        write_table(("what", "why", "when"), rows)


def _widths(lines: list[list[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]


def _write_plain(lines: list[list[str]], right: list[bool]) -> None:
    """Columns by spaces. Never cut, whatever the width: the output goes into a file or another program."""
    widths = _widths(lines)
    text = ""
    for line in lines:
        padded = [
            " " * (width - cell_len(cell)) + cell if to_right else cell + " " * (width - cell_len(cell))
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        text += "  ".join(padded).rstrip() + "\n"
    write(text)


class Meter:
    """Shows how far long work is."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._requests = 0
        self._size = 0

    def observe(self, event: Event) -> None:
        """Count an operation on the storage."""
        if isinstance(event, OperationEvent):
            self._requests += 1
            self._size += event.size
            self._progress.update(self._task, note=f"{counted(self._requests, 'request')}, {size(self._size)}")

    def advance(self, done: int, total: int) -> None:
        """Say how many of how many are done."""
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def working(what: str) -> Iterator[Meter]:
    """Show progress on stderr while something is done; nothing where stderr is no terminal."""
    console = Console(stderr=True, highlight=False)
    progress = Progress(
        SpinnerColumn(),
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        yield Meter(progress, progress.add_task(what, total=None, note=""))
