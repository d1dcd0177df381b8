"""The command in this process, on stores that have something in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from objstore import (
    AgentStartEvent,
    ArtifactStore,
    InMemoryRunStore,
    Message,
    SessionData,
    ToolArtifact,
    TraceEvent,
    VerificationCheck,
    VerificationReport,
)
from objstore.cli import app
from tests.places import Place, make_place

ID = "support-42"
URI = "a3s://tool-output/bash/0123456789abcdef"
CONTENT = "collected 1 item ... ok\n" * 400
HOSTILE = "odd\n\x1b[31m[red]\u202eid"


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str
    raw: bytes

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.out.splitlines()


@dataclass(frozen=True)
class Cli:
    """Runs the command; ``flags`` lead to the storage."""

    flags: tuple[str, ...] = ()
    env: dict[str, str | None] = field(default_factory=lambda: {"OBJSTORE_URL": None, "FORCE_COLOR": None})

    def __call__(self, command: str, *words: str, code: int = 0, url: str | None = None) -> Result:
        env = {**self.env, "OBJSTORE_URL": url}
        ran = CliRunner(env=env).invoke(app, [command, *self.flags, *words], catch_exceptions=False)
        assert ran.exit_code == code, (ran.exit_code, ran.stdout, ran.stderr)
        assert "Traceback" not in ran.stderr
        assert all(line.startswith("objstore: ") for line in ran.stderr.splitlines())
        return Result(ran.exit_code, ran.stdout, ran.stderr, ran.stdout_bytes)

    def fails(self, command: str, *words: str, code: int, url: str | None = None) -> str:
        """Run what must fail with one line on stderr and nothing on stdout, and give the line."""
        result = self(command, *words, code=code, url=url)
        assert result.out == ""
        (line,) = result.err.splitlines()
        return line


def flags_for(place: Place) -> tuple[str, ...]:
    """Write the options of a place as words of a command line."""
    if place.options is None:
        return ()
    return (
        *("--endpoint-url", place.options["endpoint_url"], "--region", "us-east-1"),
        *("--option", f"key={place.options['key']}", "--option", f"secret={place.options['secret']}"),
    )


def stock(place: Place) -> None:
    """Save a session with all that belongs to it, three times, and some with odd ids."""
    runs = InMemoryRunStore()
    run = runs.create_run(ID, "is the build green?")
    runs.record_event(run.id, AgentStartEvent(prompt="is the build green?"))
    artifacts = ArtifactStore()
    artifacts.put(
        ToolArtifact(
            artifact_id="tool-output:bash:0123456789abcdef",
            artifact_uri=URI,
            tool_name="bash",
            content=CONTENT,
            original_bytes=len(CONTENT),
            shown_bytes=80,
        )
    )
    trace = TraceEvent.tool_execution("bash", success=True, exit_code=0, duration_ms=12, output_bytes=len(CONTENT))
    report = VerificationReport.new("make test", [VerificationCheck.required("tests", "test", "they pass")])
    session = SessionData.new(ID, name="Support", workspace="/srv")
    with place.open() as store:
        session.messages.append(Message.user("is the build green?"))
        store.save(session)
        session.messages.append(Message.assistant("it is not"))
        store.commit(
            session,
            artifacts=artifacts,
            trace_events=[trace],
            run_records=runs.records(),
            verification_reports=[report],
        )
        session.messages.append(Message.user("please mend it"))
        store.save(session)
        store.save_trace_events("siblings-only", [trace])
        for id in ("-dash", HOSTILE):
            store.save(SessionData.new(id, name="a\tb"))


def saved(place: Place) -> SessionData:
    """Load what `stock` saved."""
    with place.open() as store:
        session = store.load(ID)
    assert session is not None
    return session


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    """An empty place."""
    return make_place(request.param, request)


@pytest.fixture
def cli(place: Place) -> Cli:
    """The command, with the options that lead to the storage."""
    return Cli(flags_for(place))


@pytest.fixture
def url(place: Place) -> str:
    """The URL of a store with sessions in it."""
    stock(place)
    return place.target


@pytest.fixture
def here() -> Cli:
    """The command, for places that need no options."""
    return Cli()


@pytest.fixture
def local(request: pytest.FixtureRequest) -> Place:
    """A store with sessions in it, on local disk."""
    found = make_place("local", request)
    stock(found)
    return found


def break_newest(place: Place, id: str = ID) -> str:
    """Damage the newest commit of a session, and give its key."""
    newest = max(key for key in place.files(f"sessions/{id}/log/"))
    data = place.files(f"sessions/{id}/log/")[newest]
    place.put(newest, data.replace(b'"kind"', b'"Kind"', 1))
    return newest
