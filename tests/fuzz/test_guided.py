"""Coverage-guided fuzzing, where atheris is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.fuzz.test_fuzz import corpus


@pytest.mark.parametrize("runs", [2_000, pytest.param(200_000, marks=pytest.mark.deep)])
def test_what_coverage_leads_to_breaks_no_parser(tmp_path: Path, runs: int) -> None:
    if find_spec("atheris") is None:
        pytest.skip("atheris is not installed (pip install atheris)")
    samples = tmp_path / "corpus"
    samples.mkdir()
    for number, target in enumerate(TARGETS):
        for place, data in enumerate(corpus(target)[:20]):
            (samples / f"{number}-{place}").write_bytes(bytes([number]) + data)
    command = [sys.executable, "-m", "tests.fuzz.guided", f"-runs={runs}", "-seed=7", "-max_len=20000", "-timeout=60"]
    done = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/", samples],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert f"Done {runs} runs" in done.stderr
