"""What the servers of the tests share: requests that are remembered, and a thread that serves."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came over the wire.

    Attributes:
        method: GET, PUT and so on.
        path: With the bucket.
        query: What follows the question mark.
        received: Bytes of the body; the moto server counts these.
        sent: Bytes of the answer; the same.
        wave: See `MotoServer.pace`.
        ended: When the answer was ready, on the monotonic clock of the machine.
    """

    method: str
    path: str
    query: str = ""
    received: int = 0
    sent: int = 0
    wave: int = 0
    ended: float = 0.0


class Handler(BaseHTTPRequestHandler):
    """Answers whole bodies over connections that stay open, and remembers what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that follows its head in a packet of its own would wait 40 ms
    server: RecordingServer

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def begin(self) -> bytes:
        """Remember the request and read its body."""
        url = urlsplit(self.path)
        self.server.requests.append(Seen(self.command, url.path, url.query))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class RecordingServer(ThreadingHTTPServer):
    """A server on a free port of 127.0.0.1."""

    daemon_threads = True

    def __init__(self, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.requests: list[Seen] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that have gone away; anything else is an error of the test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # as we were called

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()
