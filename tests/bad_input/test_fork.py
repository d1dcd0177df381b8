"""A forked child uses its parent's store."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.bad_input.forking import CHILDREN
from tests.places import Place

if not hasattr(os, "fork"):
    pytest.skip("this system cannot fork", allow_module_level=True)


def run(busy_children: int, place: Place) -> str:
    # Python warns of every fork of a program with threads, and fsspec has one; that is what is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.bad_input.forking"]
    arguments = [str(busy_children), place.target, json.dumps(place.options or {})]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.strip()


def test_parent_and_children_go_on_with_one_store(place: Place) -> None:
    said = run(0, place).split()
    if place.target.startswith("memory:"):  # each process has its own from the fork on
        assert said == ["1", "s"]
        return
    assert said == [str(CHILDREN + 1), *(f"child-{n}" for n in range(CHILDREN)), "s"]
    assert place.open().verify().ok


def test_a_child_that_was_forked_in_the_middle_of_calls_is_not_stuck(place: Place) -> None:
    assert run(5, place) == "True"


@pytest.mark.deep
def test_thousands_of_children_forked_in_the_middle_of_calls_are_not_stuck(memory: Place) -> None:
    assert run(3000, memory) == "True"
