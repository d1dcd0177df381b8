"""What the tests run in processes of its own: python -m tests.processes.worker MODE URL OPTIONS NAME COUNT."""

from __future__ import annotations

import json
import sys

import objstore
from objstore import ArtifactStore, Message, SessionData
from objstore.testing.samples import artifact, trace

ID = "shared"


def main() -> None:
    """Do the work that the arguments ask for, and say on standard output what was begun and acknowledged."""
    mode, url, options, name, count = sys.argv[1:]
    store = objstore.open(url, storage_options=json.loads(options) or None)
    {"append": append, "commit": commit}[mode](store, name, int(count))


def append(store: objstore.SessionStore, name: str, count: int) -> None:
    """Append turns to a session that others append to as well."""
    for n in range(count):
        text = f"{name}-{n}"
        say("begin", text)
        store.append(ID, messages=[Message.user(text)], trace_events=[trace(text)])
        say("ack", text)


def commit(store: objstore.SessionStore, name: str, count: int) -> None:
    """Go on with a session of one's own: turns with artifacts, big enough for objects."""
    session = store.load(ID) or SessionData.new(ID)
    traces = store.load_trace_events(ID) or []
    artifacts = store.load_artifacts(ID) or ArtifactStore()
    for n in range(count):
        text = f"{name}-{n}"
        session.messages.append(Message.user(text))
        traces.append(trace(text))
        artifacts.put(artifact(text, f"{text} " * 2_000))
        say("begin", text)
        store.commit(session, artifacts=artifacts, trace_events=traces)
        say("ack", text)


def say(what: str, text: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{what} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
