"""The benchmarks run, and count what they say. Times are measured and not asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.benchmarks.adapter import Contender
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.publish import publish
from tests.benchmarks.report import tables
from tests.benchmarks.run import Row, Setting, run

_TURNS = 12  # the tenth has a big result
_PAYLOAD = 11 * 3_000 + 201_000


def measured(setting: Setting, names: list[str]) -> list[Row]:
    said: list[str] = []
    rows = run([CONTENDERS[name] for name in names], setting, said.append)
    assert [row.problem for row in rows] == [""] * len(said)
    return rows


def test_on_local_disk_bytes_and_files_are_counted(tmp_path: Path) -> None:
    setting = Setting("Local disk", s3=False, latency=0.0, turns=_TURNS, sessions=3, directory=tmp_path)
    floor, ours = measured(setting, ["floor: append, fsync", "objstore log, append"])
    found = ours.runs[0]
    assert set(found) == {"append", "open", "save", "list", "load"}
    payload = found["append"].payload
    assert _PAYLOAD < payload < 1.2 * _PAYLOAD
    assert (floor.objects, floor.left) == (1, payload + _TURNS)  # the ends of lines
    assert ours.objects == _TURNS + 2  # the marker and the hint
    assert ours.left < payload  # the big result is compressed
    assert len(found["append"].seconds) == len(found["append"].written) == _TURNS
    if sys.platform == "linux":
        assert ours.left <= found["append"].written[-1] < 1.1 * ours.left + 10_000  # the marker is written twice
    (tmp_path / "performance.md").write_text(
        "# Page\n\n<!-- local: begin -->\nof last year\n<!-- local: end -->\n\nEnd\n"
    )
    publish(tmp_path, "local", setting, [floor, ours], "the command")
    text = (tmp_path / "performance.md").read_text()
    assert text.startswith("# Page\n")
    assert text.endswith("<!-- local: end -->\n\nEnd\n")
    assert "of last year" not in text
    for name in ("plots/local-turns.svg", "plots/local-bytes.svg"):
        assert f"]({name})" in text
        lines = [
            each.get("points") for each in ElementTree.parse(tmp_path / name).iter() if "stroke-width" in each.attrib
        ]
        assert len([line for line in lines if line]) > 2
    assert tables(setting, [floor, ours]) in text
    assert text.count("| floor: append, fsync | 1.00x |") == text.count("| objstore log, append |") == 3


def test_on_s3_requests_and_waves_are_counted() -> None:
    setting = Setting("S3", s3=True, latency=0.001, turns=_TURNS, sessions=0)
    floor, ours = measured(setting, ["floor: s3fs PUT", "objstore log, append"])
    bare, found = floor.runs[0], ours.runs[0]
    assert bare["append"].requests == {"PUT": _TURNS}
    assert bare["append"].written[-1] == bare["append"].payload == floor.left
    assert (found["append"].requests["PUT"], found["append"].requests["GET"]) == (_TURNS + 3, 1)  # marker twice, hint
    assert found["append"].requests["LIST"] in (3, 4)  # the place, and twice the log, which the first create races
    assert found["append"].written[-1] < bare["append"].payload
    assert found["waves"].requests == {"GET": _TURNS + 1, "LIST": 2}
    assert bare["waves"].waves >= 3  # LIST, then s3fs asks for each size before it reads
    assert found["waves"].waves >= 2  # marker and head, commits; a slow machine may part what was sent together
    assert "| waves |" in tables(setting, [floor, ours])


def test_a_contender_that_fails_is_a_row_that_says_so(tmp_path: Path) -> None:
    setting = Setting("Local disk", s3=False, latency=0.0, turns=2, sessions=0, repeats=2, directory=tmp_path)
    nobody = Contender("nobody", "everything")  # so the process that shall measure it does not find it
    rows = run([nobody, CONTENDERS["floor: append, fsync"]], setting, lambda _: None)
    assert [row.problem for row in rows] == ["failed: KeyError: 'nobody'", ""]
    assert len(rows[1].runs) == 2
    assert "| nobody | failed: KeyError: 'nobody' |" in tables(setting, rows)


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
