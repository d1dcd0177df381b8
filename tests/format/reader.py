"""A reader of the log layout, written from docs/format.md alone: zstandard and the standard library, nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from zstandard import ZstdDecompressor


class Reader:
    """Restores the session of a directory ``sessions/<key>``; an assertion fails where it is damaged."""

    def __init__(self, store: Path, key: str) -> None:
        self.directory = store / "sessions" / key
        marker = json.loads((store / "objstore.json").read_bytes())
        assert (marker["format"], marker["layout"], marker["requires"]) == (1, "log", [])

    def state(self, at: int | None = None) -> Any:
        paths = [path for path in self.directory.glob("log/*/*") if re.fullmatch(r"\d{10}", path.name)]
        head = self.commit(max(int(path.name) for path in paths if int(path.name) // 1000 == int(path.parent.name)))
        assert at is None or head["floor"] <= at <= head["seq"], "pruned, or not there yet"
        chain = [head if at is None else self.commit(at)]
        while chain[0]["kind"] == "patch":
            chain.insert(0, self.commit(chain[0]["seq"] - 1))
            assert chain[0]["self"] == chain[1]["parent"], "not on the chain"
        self.objects = {name: where for commit in chain for name, where in commit["objects"].items()}
        state = self.value(chain[0]["body"])
        for commit in chain[1:]:
            state = self.patched(commit["body"], state)
        return state

    def commit(self, n: int) -> dict[str, Any]:
        stored = (self.directory / f"log/{n // 1000:06d}/{n:010d}").read_bytes()
        text = ZstdDecompressor().decompress(stored) if stored.startswith(b"\x28\xb5\x2f\xfd") else stored
        assert text[-75:] == f',"self":"{hashlib.sha256(text[:-75]).hexdigest()}"}}'.encode(), "damaged"
        commit: dict[str, Any] = json.loads(text)
        assert (commit["format"], commit["requires"], commit["seq"]) == (1, [], n)
        assert commit["kind"] in ("snapshot", "patch", "prune", "delete")
        return commit

    def raw(self, name: str) -> bytes:
        epoch, size = self.objects[name]
        raw = (self.directory / f"objects/{epoch}/{name}").read_bytes()
        raw = ZstdDecompressor().decompress(raw) if name.endswith(".zst") else raw
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (size, name[:64]), "damaged"
        return raw

    def value(self, stored: Any) -> Any:
        if isinstance(stored, list):
            return [value for item in stored for value in self.items(item)]
        if not isinstance(stored, dict):
            return stored
        if "=" in stored:
            return self.raw(stored["="]).decode()
        if "=bytes" in stored:
            return self.raw(stored["=bytes"])
        return {self.key(key): self.value(member) for key, member in stored.items()}

    def items(self, item: Any) -> list[Any]:
        leaf = isinstance(item, dict) and item.get("=list")
        return self.value(json.loads(self.raw(leaf))) if leaf else [self.value(item)]

    def key(self, stored: str) -> str:
        assert not re.match("=(?!=)", stored), "of a newer format"
        return stored.removeprefix("=")

    def patched(self, patch: dict[str, Any], old: Any) -> Any:
        if "set" in patch:
            return self.value(patch["set"])
        if "list" in patch:
            return [item for piece in patch["list"] for item in self.piece(piece, old)]
        assert patch.keys() <= {"cut", "sub", "put"}, "of a newer format"
        cut = {self.key(key) for key in patch.get("cut", ())}
        new = {key: member for key, member in old.items() if key not in cut}
        new |= {self.key(key): self.patched(inner, new[self.key(key)]) for key, inner in patch.get("sub", {}).items()}
        return new | {self.key(key): self.value(member) for key, member in patch.get("put", {}).items()}

    def piece(self, piece: Any, old: list[Any]) -> list[Any]:
        if isinstance(piece, list):
            return old[piece[0] : piece[0] + piece[1]]
        if "add" in piece:
            return self.value(piece["add"])  # type: ignore[no-any-return]
        return [self.patched(piece["patch"], old[piece["at"]])]
