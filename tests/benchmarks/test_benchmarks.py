"""The benchmarks run, and count what they say. Times are measured and not asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.adapter import Contender
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.report import tables
from tests.benchmarks.run import Row, Setting, run

_TURNS = 12  # the tenth has a big result
_PAYLOAD = 11 * 3_000 + 201_000


def measured(setting: Setting, names: list[str], directory: Path) -> dict[str, Row]:
    said: list[str] = []
    chosen = [CONTENDERS[name] for name in names]
    rows = run(chosen, setting, repeats=1, patience=120, say=said.append, directory=directory)
    assert len(said) == len(names)
    return {row.name: row for row in rows}


def test_on_local_disk_bytes_and_files_are_counted(tmp_path: Path) -> None:
    setting = Setting("Local disk", s3=False, latency=0.0, turns=_TURNS, sessions=3)
    names = ["floor: append, fsync", "objstore log, append"]
    rows = measured(setting, names, tmp_path)
    floor, ours = rows[names[0]], rows[names[1]]
    payload = floor.runs[0]["append"].payload
    assert _PAYLOAD < payload < 1.2 * _PAYLOAD
    assert (floor.objects, floor.left) == (1, payload + _TURNS)  # the ends of lines
    assert ours.objects == _TURNS + 2  # the marker and the hint
    assert ours.left < payload  # the big result is compressed
    outcome = ours.runs[0]["append"]
    assert len(outcome.seconds) == len(outcome.bytes) == _TURNS
    if sys.platform == "linux":
        assert ours.left <= outcome.bytes[-1] < 1.1 * ours.left + 10_000  # the marker is written twice
    assert set(ours.runs[0]["many"].costs) == {"save", "list", "load"}
    text = tables(setting, [*rows.values()], CONTENDERS)
    assert all(f"| {name} | " in text for name in names)
    assert text.count("| 1.00x |") >= 2


def test_on_s3_requests_and_waves_are_counted(tmp_path: Path) -> None:
    setting = Setting("S3", s3=True, latency=0.001, turns=_TURNS, sessions=0)
    names = ["floor: s3fs PUT", "objstore log, append"]
    rows = measured(setting, names, tmp_path)
    floor, ours = rows[names[0]], rows[names[1]]
    assert floor.runs[0]["append"].costs["append"].requests == {"PUT": _TURNS}
    assert floor.runs[0]["append"].costs["append"].written == floor.left == floor.runs[0]["append"].bytes[-1]
    requests = ours.runs[0]["append"].costs["append"].requests
    assert (requests["PUT"], requests["GET"]) == (_TURNS + 3, 1)  # the marker twice, and the hint
    assert requests["LIST"] in (3, 4)  # the place, and twice the log, which the first create races
    opened = ours.runs[0]["open"].costs["open"].requests
    assert opened == {"GET": _TURNS + 1, "LIST": 2}
    assert floor.runs[0]["waves"].waves in (3, 4)  # LIST, then s3fs asks for the size before each GET
    assert ours.runs[0]["waves"].waves in (3, 4)


def test_a_contender_that_fails_is_a_row_that_says_so(tmp_path: Path) -> None:
    setting = Setting("Local disk", s3=False, latency=0.0, turns=1, sessions=0)
    nobody = Contender("nobody", "everything")  # so the process that shall measure it does not find it
    rows = run([nobody], setting, repeats=2, patience=60, say=lambda _: None, directory=tmp_path)
    assert rows[0].problem == "failed: KeyError: 'nobody'"
    assert "| nobody | failed: KeyError: 'nobody' |" in tables(setting, rows, {"nobody": nobody})


def test_the_command_prints_the_tables(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks",
        "--places",
        "local",
        "--only",
        "floor: append",
        "--repeats",
        "1",
    ]
    small = ["--turns", "3", "--sessions", "2", "--directory", str(tmp_path)]
    done = subprocess.run([*command, *small], capture_output=True, text=True, check=True)
    assert "### Local disk" in done.stdout
    assert "| floor: append, fsync | 1.00x |" in done.stdout
