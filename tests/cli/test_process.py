"""What only a real process shows: signals, closed pipes, terminals, and that nothing is printed while it ends."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import objstore
from objstore import ArtifactStore, SessionData, ToolArtifact
from tests.places import Place

from .conftest import ID, flags_for, stock

COMMAND = [sys.executable, "-m", "objstore"]
BIG = 1 << 20
PATIENCE = 120


def environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name not in ("OBJSTORE_URL", "NO_COLOR", "FORCE_COLOR")
    }
    return {**kept, "PYTHONWARNINGS": "default", **more}


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, env=environment(more), timeout=PATIENCE)


@pytest.fixture(autouse=True, scope="module")
def interruptible() -> Iterator[None]:
    """Undo what a shell does to what it starts with ``&``: it lets it ignore interrupts, and so all that it starts."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def big(tmp_path: Path) -> str:
    """A store with an artifact that fits into no pipe."""
    artifacts = ArtifactStore()
    artifacts.put(
        ToolArtifact(
            artifact_id="x", artifact_uri="a3s://x", tool_name="t", content="x" * BIG, original_bytes=BIG, shown_bytes=1
        )
    )
    with objstore.open(tmp_path / "big") as store:
        store.commit(SessionData.new(ID), artifacts=artifacts)
    return str(tmp_path / "big")


@contextmanager
def killed_at_last(pid: int) -> Iterator[None]:
    """Kill a process that does not end, so that whoever waits for it or reads what it writes does not wait for ever."""
    timer = threading.Timer(PATIENCE, os.kill, (pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def writing(big: str, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has begun to write to a pipe, and cannot go on."""
    arguments = [*COMMAND, "cat", big, ID, "--artifact", "a3s://x"]
    env = environment({"PYTHONUNBUFFERED": request.param})
    with (
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process,
        killed_at_last(process.pid),
    ):
        assert process.stdout is not None
        assert process.stdout.read(1) == b"x"
        yield process


def test_a_closed_pipe_ends_it_quietly(writing: subprocess.Popen[bytes]) -> None:
    assert writing.stdout is not None
    assert writing.stderr is not None
    writing.stdout.close()
    assert writing.stderr.read() == b""
    assert writing.wait() == 141


def test_an_interrupt_ends_it_with_one_line(writing: subprocess.Popen[bytes]) -> None:
    writing.send_signal(signal.SIGINT)
    _, err = writing.communicate()
    assert writing.returncode == 130
    assert err.startswith(b"objstore: interrupted; ")
    assert err.count(b"\n") == 1


def test_an_output_that_is_closed_is_told_before_anything_is_done(local: Place) -> None:
    stock(local)
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "rm", str(local.target), ID, "--yes"]
    done = subprocess.run(shell, capture_output=True, text=True, env=environment({}), timeout=PATIENCE)
    assert done.returncode == 6
    assert done.stderr == "objstore: standard output is closed; send it to /dev/null where nobody is to read it\n"
    assert local.open().exists(ID)


def test_an_input_that_is_closed_is_no_terminal_to_ask_on(local: Place) -> None:
    stock(local)
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "rm", str(local.target), ID]
    done = subprocess.run(shell, capture_output=True, text=True, env=environment({}), timeout=PATIENCE)
    assert done.stderr.startswith("objstore: deleting needs a yes, and there is no terminal to ask on; ")
    assert done.returncode == 2
    assert local.open().exists(ID)


def test_where_errors_go_nowhere_they_do_not_go_into_the_output(local: Place) -> None:
    stock(local)
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "show", str(local.target), "nobody", "--json"]
    done = subprocess.run(shell, capture_output=True, text=True, env=environment({}), timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a device that takes nothing")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_takes_nothing_is_named(local: Place, unbuffered: str) -> None:
    stock(local)
    shell = ["sh", "-c", 'exec "$@" >/dev/full', "sh", *COMMAND, "ls", str(local.target)]
    kept = environment({"PYTHONUNBUFFERED": unbuffered})
    done = subprocess.run(shell, capture_output=True, text=True, env=kept, timeout=PATIENCE)
    assert done.returncode == 6
    assert done.stderr == "objstore: standard output: No space left on device; choose another\n"


HELP = [("--help",), ("--version",), ("show", "--help")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a device that takes nothing")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_nor_is_a_traceback_where_it_takes_no_help(words: tuple[str, ...], unbuffered: str) -> None:
    shell = ["sh", "-c", 'exec "$@" >/dev/full', "sh", *COMMAND, *words]
    kept = environment({"PYTHONUNBUFFERED": unbuffered})
    done = subprocess.run(shell, capture_output=True, text=True, env=kept, timeout=120)
    assert done.returncode == 6
    assert done.stderr == "objstore: standard output: No space left on device; choose another\n"


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_into_a_closed_pipe_ends_quietly(words: tuple[str, ...]) -> None:
    reading, pipe = os.pipe()
    os.close(reading)
    with os.fdopen(pipe, "wb") as closed:
        done = subprocess.run(
            [*COMMAND, *words], stdout=closed, stderr=subprocess.PIPE, env=environment({}), timeout=120, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, a device that takes nothing")
def test_the_exit_code_tells_where_nobody_takes_the_error(local: Place) -> None:
    stock(local)
    shell = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh", *COMMAND, "show", str(local.target), "nobody"]
    done = subprocess.run(shell, capture_output=True, text=True, env=environment({}), timeout=120)
    assert (done.returncode, done.stdout) == (3, "")


def test_the_module_is_the_command(local: Place) -> None:
    ran = run("ls", OBJSTORE_URL=local.target)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("\n") == 4


def test_on_s3_nothing_is_left_to_say_at_the_end(place: Place) -> None:
    stock(place)
    ran = run("verify", place.target, *flags_for(place))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("all is well\n")
    failed = run("show", place.target, "nobody", *flags_for(place))
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (3, "", 1)


def test_an_encoding_that_lacks_a_character_is_no_error(local: Place) -> None:
    with local.open() as store:
        store.save(SessionData.new("会话"))
    ran = run("ls", local.target, PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert "\\u4f1a\\u8bdd" in ran.stdout


def on_terminal(*words: str, answer: bytes = b"", until: bytes = b"", **more: str) -> tuple[int, bytes]:
    """Run the command on a terminal of its own; ``answer`` is typed when ``until`` was printed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND[0], [*COMMAND, *words], environment({"TERM": "xterm-256color", "COLUMNS": "120", **more}))
    seen = b""
    with killed_at_last(pid):
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # how Linux says that the other side is gone
                data = b""
            if not data:
                break
            seen += data
            if answer and until in seen:
                os.write(terminal, answer)
                answer = b""
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


# An interrupt between Python's last look for one and the read that waits for the answer is seen when that read ends:
# Enter ends it. Without it the test waited for ever, once in a hundred runs.
@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, False), (b"n\n", 1, True), (b"\x03\n", 130, True)])
def test_rm_asks_on_a_terminal(local: Place, answer: bytes, code: int, left: bool) -> None:
    ended, seen = on_terminal("rm", local.target, ID, answer=answer, until=b"[y/N]")
    assert ended == code
    assert b"Traceback" not in seen
    with local.open() as store:
        assert store.exists(ID) is left


def test_a_terminal_gets_rules_and_no_escape_of_a_session(local: Place) -> None:
    code, seen = on_terminal("ls", local.target)
    assert code == 0
    assert "─" in seen.decode()
    assert b"\x1b[1m" in seen
    assert b"\x1b[31m" not in seen
    assert b"odd\\n\\x1b[31m[red]\\u202eid" in seen


@pytest.mark.parametrize("columns", [1, 20, 40])
def test_a_terminal_that_is_too_narrow_for_the_table_loses_nothing_of_it(local: Place, columns: int) -> None:
    code, seen = on_terminal("ls", local.target, COLUMNS=str(columns))
    assert code == 0
    words = {
        word for word in run("ls", local.target).stdout.split() if not re.fullmatch(r"\d+s", word)
    }  # its age grows
    assert {word for word in words if word not in seen.decode()} == set()


def test_no_color_means_no_colour(local: Place) -> None:
    _, seen = on_terminal("verify", local.target, NO_COLOR="1")
    assert not any(f"\x1b[3{colour}m".encode() in seen for colour in range(8))
    assert not any(f"\x1b[38;{kind}".encode() in seen for kind in "25")


def test_contents_act_on_no_terminal(local: Place) -> None:
    with local.open() as store:
        store.save(SessionData.new("evil", name="\x9b31m\u202e"))
    code, seen = on_terminal("cat", local.target, "evil")
    assert code == 0
    assert "\x9b" not in seen.decode()
    assert r"\x9b31m\u202e" in seen.decode() or r"\u009b31m\u202e" in seen.decode()
    piped = subprocess.run(
        [*COMMAND, "cat", local.target, "evil"], capture_output=True, env=environment({}), timeout=PATIENCE
    )
    assert "\x9b31m\u202e" in piped.stdout.decode()


def test_progress_is_for_terminals_only(local: Place) -> None:
    _, seen = on_terminal("verify", local.target)
    assert b"verifying" in seen
    assert "verifying" not in run("verify", local.target).stderr
