"""docs/cli.md tells everything about the command, and nothing that is not so."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from objstore.cli import app
from objstore.cli._problems import Code
from tests.places import Place

from .conftest import HOSTILE, ID, URI, Cli, break_newest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
SHARED = {
    "--url",
    "--option",
    "--endpoint-url",
    "--profile",
    "--region",
    "--layout",
    "--single-writer",
    "--json",
    "--help",
}


def options(command: Any) -> set[str]:
    """Name the options that a command takes."""
    return {"--help", *(name for p in command.params if p.param_type_name == "option" for name in p.opts)}


def described(section: str) -> set[str]:
    """Name the options in the tables of a section."""
    rows = re.findall(r"^\| (`-.*?) \|", SECTIONS[section], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row)}


def keys(section: str) -> dict[str, set[str]]:
    """Name the keys of a JSON document, each with the words that stand as code behind it."""
    found: dict[str, set[str]] = {}
    for table in re.findall(r"^\| JSON key .*\n\|---\|---\|\n((?:\|.*\n)+)", SECTIONS[section], re.MULTILINE):
        for key, text in re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE):
            found.setdefault(key, set()).update(re.findall(r"`(\w+)`", text))
    return found


def test_every_command_has_its_section() -> None:
    assert {title.strip("`") for title in SECTIONS if title.startswith("`")} == set(COMMANDS)
    assert options(GROUP) == {"--help", "--version"}
    assert "`objstore --version`" in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described_and_there(name: str) -> None:
    assert described("Options of all commands") == SHARED
    assert options(COMMANDS[name]) - SHARED == described(f"`{name}`")
    assert options(COMMANDS[name]) >= SHARED


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help_text(here: Cli, name: str) -> None:
    text = here(name, "--help").out
    assert all(option in text for option in options(COMMANDS[name]))
    assert COMMANDS[name].help
    assert all(p.help for p in COMMANDS[name].params if p.param_type_name == "option")


def test_no_help_text_is_cut_off(here: Cli) -> None:
    lines = here("--help").out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == [*COMMANDS]
    assert not [line for line in lines if line.endswith("...")]


def test_every_exit_code_is_described() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], re.MULTILINE)} == {*Code}


CALLS: dict[str, list[list[str]]] = {
    "ls": [[]],
    "log": [[ID]],
    "cat": [[ID], [ID, "--artifact", URI]],
    "rm": [[ID, "--dry-run"]],
    "restore": [[ID, "--at", "1"]],
    "diff": [[ID, "1", "2"]],
    "fork": [[ID, "another"]],
    "prune": [[ID, "--keep-last", "1", "--dry-run"]],
    "collect": [["--dry-run"]],
    "repair": [[HOSTILE]],
    "du": [[]],
    "verify": [[]],
    "check": [[]],
}


@pytest.mark.parametrize("name", CALLS)
def test_every_key_of_the_json_is_described(here: Cli, local: Place, name: str) -> None:
    for words in CALLS[name]:
        document = here(name, local.target, *words, "--json").json
        assert set(document) == set(keys(f"`{name}`"))
        for key, value in document.items():
            if name != "cat" and isinstance(value, list) and value and isinstance(value[0], dict):
                assert set(value[0]) <= keys(f"`{name}`")[key]


def test_every_key_of_show_is_described(here: Cli, local: Place) -> None:
    listed = set(here("ls", local.target, "--json").json["sessions"][0])
    overview = set(here("show", local.target, ID, "--json").json)
    documented = keys("`show`")
    assert overview - listed == set(documented) - {"id", "part", "rows"}
    rows = [here("show", local.target, ID, "--part", part, "--json").json for part in CALLS_OF_SHOW]
    assert all(set(document) == {"id", "part", "rows"} for document in rows)
    assert {key for document in rows for key in document["rows"][0]} | set(CALLS_OF_SHOW) == documented["rows"]


CALLS_OF_SHOW = ("session", "artifacts", "traces", "runs", "verification")


def test_findings_have_the_keys_that_are_described(here: Cli, local: Place) -> None:
    newest = max(local.files(f"sessions/{ID}/log/"))
    local.put(newest, b"")
    (finding, *_) = here("verify", local.target, "--json", code=1).json["findings"]
    assert set(finding) <= keys("`verify`")["findings"]
    (problem,) = here("ls", local.target, "--json", code=1).json["problems"]
    assert set(problem) == keys("`ls`")["problems"]


def test_every_key_of_what_is_removed_or_mended_is_described(here: Cli, local: Place) -> None:
    report = here("repair", local.target, ID, "--json", code=1).json
    assert set(report["mends"][0]) <= keys("`repair`")["mends"]
    assert set(here("verify", local.target, ID, "--json").json["ailments"][0]) <= keys("`verify`")["ailments"]
    break_newest(local)
    report = here("repair", local.target, ID, "--json", code=1).json
    assert set(report["lost"][0]) <= keys("`repair`")["lost"]
    assert set(report["damage"][0]) <= keys("`repair`")["damage"]
    here("repair", local.target, ID, "--apply")
    (gone, *_) = here("prune", local.target, ID, "--keep-last", "1", "--dry-run", "--json").json["later"]
    assert set(gone) <= keys("`prune`")["later"]


@pytest.mark.parametrize("name", ["copy", "import", "export"])
def test_every_key_of_a_copy_is_described(here: Cli, local: Place, tmp_path: Path, name: str) -> None:
    tree = str(tmp_path / "tree")
    here("export", local.target, tree, "--id", ID)
    sides = (tree, str(tmp_path / "new")) if name == "import" else (local.target, str(tmp_path / "new"))
    assert set(here(name, *sides, "--id", ID, "--json").json) == set(keys("`copy`"))
    if name != "copy":
        assert "those of `copy`" in SECTIONS[f"`{name}`"]


def normal(text: str) -> list[str]:
    """Take out of an output what is different each time."""
    for pattern, word in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME"),
        (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "DIGEST"),
        (r"\b\d+[smhd]\b", "AGE"),
        (r"\b[\w.-]+:\d+$", "WRITER"),
        (r"\b[\d.]+ (B|KiB)", "SIZE"),
        (r" +", " "),
    ]:
        text = re.sub(pattern, word, text)
    return text.splitlines()


def sizes(text: str) -> list[float]:
    """Give the sizes in an output, in bytes."""
    found = re.findall(r"\b([\d.]+) (B|KiB)", text)
    return [float(number) * (1024 if unit == "KiB" else 1) for number, unit in found]


def test_the_examples_print_what_they_say(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "data" / "a3s-2.2.0", tmp_path / "a3s")
    examples = re.findall(r"^\$ (.+)\n((?:(?!\$ |```).*\n)*)", "".join(_blocks()), re.MULTILINE)
    assert len(examples) > 15
    for line, output in examples:
        words = shlex.split(line)
        environment = dict(os.environ, OBJSTORE_URL="")
        while "=" in words[0]:
            name, _, environment[name] = words.pop(0).partition("=")
        assert words[0] == "objstore"
        command = [sys.executable, "-m", "objstore", *words[1:]]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)
        printed = ran.stdout + ran.stderr
        assert normal(printed) == normal(output), line
        for now, said in zip(sizes(printed), sizes(output), strict=True):  # names of hosts and digests differ
            assert abs(now - said) <= max(64, said / 10), line


def _blocks() -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
