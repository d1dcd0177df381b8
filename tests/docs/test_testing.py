"""Every block of the page on testing runs as it stands, as the test file of somebody who has the package alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from objstore.testing.ablations import ABLATIONS

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
THEIR_BACKEND = '''
import uuid
from objstore.backends import MemoryBackend

class MyBackend(MemoryBackend):
    """What the reader of the page has written."""

    def __init__(self) -> None:
        super().__init__(f"page/{uuid.uuid4().hex}")
'''
UNTIMED = """
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
"""


def test_the_blocks_of_the_page_are_a_test_file_that_passes(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) > 5
    (tmp_path / "conftest.py").write_text(UNTIMED)
    (tmp_path / "test_page.py").write_text(THEIR_BACKEND + "\n".join(blocks))
    plugins = ["-p", "no:cacheprovider", "-p", "no:langsmith_plugin"]  # LangChain's warns on Python 3.14
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "test_page.py", *plugins]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    assert "TestStoreOnMine" in PAGE.read_text()
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed
    assert int(passed[1]) > 60


def test_every_rule_that_can_be_taken_away_is_in_the_table() -> None:
    table = PAGE.read_text().partition("| ablation | what is taken away |\n")[2].partition("\n\n")[0]
    first_column = "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))
    assert sorted(re.findall(r"`([\w-]+)`", first_column)) == sorted(ABLATIONS)


def test_the_commands_of_the_page_run() -> None:
    commands = re.findall(r"^python -m (objstore\.testing\.scheduler .*)$", PAGE.read_text(), flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        ended = subprocess.run([sys.executable, "-m", *command.split()], capture_output=True, text=True, check=False)
        assert ended.returncode == 0
        assert ended.stdout.splitlines()[-1].startswith("nothing broke in ")
