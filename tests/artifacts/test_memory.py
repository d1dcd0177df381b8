"""Artifacts of any size pass through a bounded memory, measured in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import objstore
from tests.artifacts.samples import MIB
from tests.places import Place, make_place

PROGRAM = Path(__file__).parent / "through.py"
LIMIT = 200 * MIB


def through(source: Place, target: Path, size: int) -> dict[str, Any]:
    """Put, read, verify, fork and copy an artifact elsewhere, and give the peak of that process's memory."""
    arguments = json.dumps([source.target, source.options, str(target), size])
    done = subprocess.run([sys.executable, str(PROGRAM), arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def test_a_hundred_megabytes_take_far_less(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    measured = through(make_place("local", request), tmp_path / "copy", 100 * MIB)
    assert measured["peak"] - measured["before"] < 60 * MIB


def test_a_hundred_megabytes_of_text_are_read_through_little_memory(tmp_path: Path) -> None:
    text = "the same line again and again\n" * (100 * MIB // 30)  # a compressor makes very little of it
    with objstore.open(tmp_path / "store") as store:
        store.put_artifact("s", text, uri="u", tool_name="t")
    program = (
        "import resource, sys, objstore\n"
        "with objstore.open(sys.argv[1]) as store, store.open_artifact('s', 'u') as stream:\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    while stream.read(1 << 20): pass\n"
        "    assert stream.verified\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 50 * MIB


@pytest.mark.deep
def test_two_gigabytes_pass_through_two_hundred_megabytes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    measured = through(make_place("local", request), tmp_path / "copy", 2 * 1024 * MIB)
    assert measured["peak"] < LIMIT


@pytest.mark.deep
def test_on_s3_more_than_fits_passes_through_two_hundred_megabytes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    # Not more, since moto copies the whole object for every range of it that is read.
    measured = through(make_place("s3", request), tmp_path / "copy", 400 * MIB)
    assert measured["peak"] < LIMIT
