"""A server that says what it is told to say, whatever it is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .http import Handler, RecordingServer


@dataclass(frozen=True, slots=True)
class Say:
    """An answer; ``promised`` is a length that is announced and not kept."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without a word."""


Act = Say | Drop


def s3_error(status: int, code: str, extra: str = "") -> Say:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>words</Message>{extra}</Error>"
    return Say(status, body.encode(), {"Content-Type": "application/xml"})


class ScriptedServer(RecordingServer):
    """Plays its script, act by act, and repeats the last one for ever."""

    def __init__(self) -> None:
        super().__init__(Player)
        self.script: list[Act] = []

    def play(self, *acts: Act) -> None:
        """Begin a new script, with an empty record."""
        self.script = list(acts)
        self.requests.clear()


class Player(Handler):
    server: ScriptedServer

    def play(self) -> None:
        self.begin()
        script = self.server.script
        act = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(act, Drop) or act.promised is not None:
            if isinstance(act, Say):
                self.wfile.write(
                    f"HTTP/1.1 {act.status} OK\r\nContent-Length: {act.promised}\r\n\r\n".encode() + act.body
                )
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answer(act.status, act.body, act.headers)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = play  # noqa: N815 - the names that http.server looks for


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    with server.serving():
        yield server
