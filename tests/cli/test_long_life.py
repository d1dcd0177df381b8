"""What happens to a session over the months, cared for by nothing but the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

import objstore
from objstore import ArtifactStore, Message, SessionData
from objstore.testing.samples import artifact, loaded
from tests.places import Place, make_place

from .conftest import Cli


def test_a_session_whose_agent_was_killed_is_found_mended_and_resumed(cli: Cli, place: Place) -> None:
    command = [sys.executable, "-m", "tests.life.agent", place.target, json.dumps(place.options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "called\n"
        agent.send_signal(signal.SIGKILL)
    assert agent.returncode == -signal.SIGKILL

    ailments = cli("verify", place.target, "--json", code=1).json["ailments"]
    assert [(a["id"], a["kind"]) for a in ailments] == [("s", "call without result"), ("s", "unfinished run")]
    assert cli("repair", place.target, "s", "--json", code=1).json["seq"] == 2
    mended = cli("repair", place.target, "s", "--apply", "--json").json
    assert [mend["done"] for mend in mended["mends"]] == ["answered as interrupted", "closed as failed"]
    assert cli("verify", place.target, "--json").json["ailments"] == []
    changed = cli("diff", place.target, "s", "2", "3", "--json").json["differences"]
    assert (changed[0]["path"][:2], changed[0]["kind"]) == (["session", "messages"], "added")
    assert len(json.loads(cli("cat", place.target, "s", "--at", "2").raw)["messages"]) == 2  # what was is still there

    with place.open() as store:
        session = loaded(store, "s")
        session.messages.append(Message.assistant("I was interrupted. Shall I try again?"))
        assert store.save(session).seq == 4


@pytest.fixture
def aged(request: pytest.FixtureRequest) -> Place:
    """A session of a thousand turns, each with an output that replaces the one before."""
    place = make_place("local", request)
    with objstore.open(place.target, durability="none") as store:
        session = SessionData.new("s")
        for turn in range(1_000):
            session.messages.append(Message.user(f"turn {turn}"))
            outputs = ArtifactStore()
            outputs.put(artifact("a", f"{turn} " * 3_000))
            store.commit(session, artifacts=outputs)
    return place


def stored(here: Cli, place: Place) -> dict[str, Any]:
    (usage,) = here("du", place.target, "s", "--json").json["sessions"]
    found: dict[str, Any] = usage
    return found


def test_a_thousand_turns_are_pruned_to_what_fifty_need(
    here: Cli, aged: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(here, aged)
    planned = here("prune", aged.target, "s", "--keep-last", "50", "--dry-run", "--json").json
    assert stored(here, aged) == before
    pruned = here("prune", aged.target, "s", "--keep-last", "50", "--json").json
    assert pruned["floor"] == planned["floor"] == 929  # the next older commit that holds a whole state
    assert pruned["removed"] == planned["removed"]
    assert [each["key"] for each in pruned["later"]] == [each["key"] for each in planned["later"]]
    at_once = stored(here, aged)
    assert (at_once["objects"]["0"]["count"], at_once["garbage"]["count"]) == (1_000 - 928, 0)
    assert at_once["below"]["count"] == 928

    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    due = here("collect", aged.target, "s", "--dry-run", "--json").json["removed"]
    assert [each["key"] for each in due] == [each["key"] for each in pruned["later"]]
    assert here("collect", aged.target, "s", "--json").json["removed"] == due
    after = stored(here, aged)
    assert (after["below"]["count"], after["commits"]["count"]) == (0, 1_000 - 928 + 1)
    assert after["total"]["size"] == sum(map(len, aged.files("sessions/s/").values())) < before["total"]["size"] / 4
    assert here("verify", aged.target, "s").code == 0
    assert len(json.loads(here("cat", aged.target, "s", "--at", "951").raw)["messages"]) == 951
    assert "pruned" in here.fails("show", aged.target, "s", "--at", "928", code=3)
