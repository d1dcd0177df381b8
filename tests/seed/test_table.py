from __future__ import annotations

import re
from pathlib import Path

from . import test_file_store, test_memory_store, test_session_data


def test_the_table_in_the_docs_names_the_33_tests_of_the_seed_and_all_are_here() -> None:
    table = (Path(__file__).parents[2] / "docs" / "seed.md").read_text()
    named = re.findall(r"^\| `(test_\w+)`", table, re.MULTILINE)
    assert len(named) == len(set(named)) == 33
    here = {name for module in (test_file_store, test_memory_store, test_session_data) for name in vars(module)}
    assert set(named) <= here
