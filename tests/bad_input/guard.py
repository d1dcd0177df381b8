"""A guard before an S3 server: it hands on what it allows, and answers the rest as a bucket's policy would."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.servers.http import Handler, RecordingServer

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
READ = frozenset({"GET", "HEAD", "LIST"})
ALL = READ | {"PUT", "POST", "DELETE"}
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Guard(RecordingServer):
    """Hands requests on to ``server``, those whose kind is ``allowed``; a GET of a listing is of the kind LIST."""

    def __init__(self, server: str) -> None:
        super().__init__(_Guarding)
        self.server = server
        self.allowed = ALL


class _Guarding(Handler):
    server: Guard

    def serve(self) -> None:
        body = self.begin()
        kind = "LIST" if "list-type=2" in self.path else self.command
        if kind not in self.server.allowed:
            self.answer(403, DENIED, {"Content-Type": "application/xml"})
            return
        connection = http.client.HTTPConnection(urlsplit(self.server.server).netloc)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body, headers)
        reply = connection.getresponse()
        kept = {name: value for name, value in reply.getheaders() if name.lower() not in _HOP}
        self.answer(reply.status, reply.read(), kept)
        connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve  # noqa: N815 - the names that http.server looks for


@contextmanager
def guard(server: str) -> Iterator[Guard]:
    serving = Guard(server)
    with serving.serving():
        yield serving
