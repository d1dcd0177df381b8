"""A forked child uses its parent's adapters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

if not hasattr(os, "fork"):
    pytest.skip("this system cannot fork", allow_module_level=True)


@pytest.mark.parametrize("what", ["langgraph", "strands", "recent"])
def test_a_child_that_was_forked_in_the_middle_of_a_call_is_not_stuck(what: str, tmp_path: Path) -> None:
    pytest.importorskip({"langgraph": "langgraph.graph", "strands": "strands"}.get(what, "objstore"))
    # Python warns of every fork of a program with threads; that is what is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.integrations.forking"]
    ended = subprocess.run([*command, what, str(tmp_path / "store")], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
