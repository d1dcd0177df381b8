"""An S3 server in a process of its own: moto, made atomic, and counting.

moto looks whether an object is there and then stores it, so that two racing creates may both win. Here one lock holds
every request that can write. What was asked can be read at ``/_requests`` and forgotten by a DELETE there, and a PUT at
``/_pace`` slows the answers; none of these is counted.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import parse_qs

from .http import Seen

_LOG = "/_requests"
_PACE = "/_pace"


class MotoServer:
    """The server as the tests see it."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def requests(self) -> list[Seen]:
        """All requests since the last `reset`, in order."""
        with urllib.request.urlopen(self.url + _LOG) as answer:
            return [Seen(*seen) for seen in json.load(answer)]

    @property
    def methods(self) -> Counter[str]:
        """How many requests of each method there were since the last `reset`."""
        return Counter(seen.method for seen in self.requests)

    def reset(self) -> None:
        """Forget the requests."""
        self._send("DELETE", _LOG)

    def pace(self, *, latency: float = 0.0, quiet: float = 0.0) -> None:
        """Answer more slowly from now on.

        Args:
            latency: Seconds that each request waits, as on a real network.
            quiet: Hold all requests until no other came for so many seconds, then let all of them go: a wave. A request
                that needs the answer to another is in a later wave, and `Seen.wave` tells in which.
        """
        self._send("PUT", f"{_PACE}?latency={latency}&quiet={quiet}")

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        self._send("PUT", f"/{name}")

    def _send(self, method: str, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(self.url + path, method=method)).close()


@contextmanager
def moto_server() -> Iterator[MotoServer]:
    """Run a server; it ends with this process too, since it reads its standard input to the end."""
    command = [sys.executable, "-m", "tests.servers.moto_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the S3 server did not start")
            yield MotoServer(url)
        finally:
            process.stdin.close()
            process.terminate()


class _Application:
    """moto's application behind the lock and the record."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._seen: list[list[Any]] = []
        self._latency = 0.0
        self._gate = _Gate(0.0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == _LOG:
            record = json.dumps(self._seen).encode()
            if method == "DELETE":
                self._seen.clear()
            start_response("200 OK", [("Content-Length", str(len(record)))])
            return [record]
        if path == _PACE:
            asked = parse_qs(environ["QUERY_STRING"])
            self._latency, self._gate = float(asked["latency"][0]), _Gate(float(asked["quiet"][0]))
            start_response("200 OK", [("Content-Length", "0")])
            return []
        # Read to the end, whatever becomes of it, for the next request follows; and before the lock is taken: a slow
        # sender must not stop the others.
        length = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        received = int(environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH") or len(body))
        seen = [method, path, environ.get("QUERY_STRING", ""), received, 0, 0, 0.0]
        self._seen.append(seen)
        seen[5] = self._gate.hold()
        time.sleep(self._latency)
        with nullcontext() if method in ("GET", "HEAD") else self._lock:
            answer: list[bytes] = list(self._inner(environ, start_response))
        seen[4], seen[6] = sum(map(len, answer)), time.monotonic()
        return answer


class _Gate:
    """Lets requests through in waves; see `MotoServer.pace`."""

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        self._waves = 0
        self._newest = 0.0
        self._moved = threading.Condition()

    def hold(self) -> int:
        """Wait for the end of the wave and say which it was, counted from 1."""
        if not self._quiet:
            return 0
        with self._moved:
            self._newest = time.monotonic()
            before = self._waves
            while self._waves == before:
                left = self._newest + self._quiet - time.monotonic()
                if left <= 0:
                    self._waves += 1
                    self._moved.notify_all()
                else:
                    self._moved.wait(left)
            return before + 1


def _serve() -> None:
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Requests(WSGIRequestHandler):
        """Answers over connections that stay open, as storages do; werkzeug's own handler closes each."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a body that follows its head in a packet of its own would wait 40 ms

        def run_wsgi(self) -> None:
            begun: list[Any] = []
            answer = b"".join(application(self.make_environ(), lambda *given: begun.extend(given)))
            status, headers = begun
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            if code != "204" and not any(name.lower() == "content-length" for name, _ in headers):
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        def log(self, type: str, message: str, *args: Any) -> None:
            """Print nothing."""

    # S3 by itself: to look for it among all of AWS took a fifth of the time of each request.
    application = _Application(create_backend_app("s3"))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Requests)

    def end_with_the_parent() -> None:
        sys.stdin.read()
        server.shutdown()

    threading.Thread(target=end_with_the_parent, daemon=True).start()
    print(f"http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve()
