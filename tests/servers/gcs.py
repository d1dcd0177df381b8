"""A small Google Cloud Storage: the part of the JSON API that a store asks for, with true preconditions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .http import Handler, RecordingServer


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    generation: int


class GcsServer(RecordingServer):
    """Buckets in memory; ``page`` is how many names one answer to a listing holds at most."""

    page = 1000

    def __init__(self) -> None:
        super().__init__(_Api)
        self.buckets: dict[str, dict[str, _Object]] = {}
        self.lock = threading.Lock()
        self.generations = 0


class _RefusalError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Api(Handler):
    server: GcsServer

    def serve(self) -> None:
        body = self.begin()
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        parts = [unquote(part) for part in url.path.removeprefix("/upload").removeprefix("/storage/v1/").split("/")]
        try:
            with self.server.lock:
                status, answer = self.do(parts, query, body)
        except _RefusalError as error:
            status, answer = error.status, {"error": {"code": error.status, "message": str(error)}}
        self.answer(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    do_GET = do_POST = do_DELETE = serve  # noqa: N815 - the names that http.server looks for

    def do(self, parts: list[str], query: dict[str, str], body: bytes) -> tuple[int, Any]:
        match self.command, parts:
            case "GET", ["b", bucket]:
                self.objects(bucket)
                return 200, {}
            case "GET", ["b", bucket, "o"]:
                return 200, self.listing(self.objects(bucket), query)
            case "POST", ["b", bucket, "o"]:
                return 200, self.insert(self.objects(bucket), query["name"], body, query.get("ifGenerationMatch"))
            case "GET", ["b", bucket, "o", name]:
                found = self.one(bucket, name)
                if query.get("alt") != "media":
                    return 200, {"updated": "2026-01-02T03:04:05.678Z"}
                return self.range(found.data, self.headers.get("Range"))
            case "DELETE", ["b", bucket, "o", name]:
                self.one(bucket, name)
                del self.objects(bucket)[name]
                return 204, b""
            case "POST", ["b", bucket, "o", name, "rewriteTo", "b", target, "o", copy]:
                if "rewriteToken" not in query:  # a long copy takes more than one request
                    self.one(bucket, name)
                    return 200, {"done": False, "rewriteToken": "more"}
                self.insert(self.objects(target), copy, self.one(bucket, name).data, None)
                return 200, {"done": True}
        raise _RefusalError(400, f"not understood: {self.command} {parts}")

    def objects(self, bucket: str) -> dict[str, _Object]:
        if bucket not in self.server.buckets:
            raise _RefusalError(404, "The specified bucket does not exist.")
        return self.server.buckets[bucket]

    def one(self, bucket: str, name: str) -> _Object:
        if name not in self.objects(bucket):
            raise _RefusalError(404, f"No such object: {bucket}/{name}")
        return self.objects(bucket)[name]

    def range(self, data: bytes, wanted: str | None) -> tuple[int, bytes]:
        if wanted is None:
            return 200, data
        start, end = map(int, wanted.removeprefix("bytes=").split("-"))
        if start >= len(data):
            raise _RefusalError(416, "Requested range not satisfiable")
        return 206, data[start : end + 1]

    def insert(self, objects: dict[str, _Object], name: str, data: bytes, match: str | None) -> dict[str, str]:
        present = objects[name].generation if name in objects else 0
        if match is not None and int(match) != present:
            raise _RefusalError(412, "At least one of the pre-conditions you specified did not hold.")
        self.server.generations += 1
        objects[name] = _Object(data, self.server.generations)
        return {"name": name, "generation": str(self.server.generations)}

    def listing(self, objects: dict[str, _Object], query: dict[str, str]) -> dict[str, Any]:
        prefix, after = query.get("prefix", ""), query.get("pageToken", "")
        found: dict[str, int | None] = {}
        for name in sorted(objects):
            if name.startswith(prefix):
                head, slash, _ = name[len(prefix) :].partition("/")
                found[prefix + head + slash] = None if slash else len(objects[name].data)
        offset = query.get("startOffset", "")
        names = [name for name in found if name > after and name >= offset]
        page = names[: self.server.page]
        answer: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [{"name": name, "size": str(found[name])} for name in page if found[name] is not None],
            "prefixes": [name for name in page if found[name] is None],
        }
        if len(names) > len(page):
            answer["nextPageToken"] = page[-1]
        return {key: value for key, value in answer.items() if value}


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    server = GcsServer()
    with server.serving():
        yield server
