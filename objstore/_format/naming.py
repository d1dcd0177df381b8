"""Where things lie: ids as names that every disk can hold, and the keys of the log layout, relative to its prefix.

Names are read as strictly as they are written: one that this module would not have written is foreign.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ..errors import InvalidIdError, InvalidValueError

MARKER: Final = "objstore.json"
SESSIONS: Final = "sessions/"
INDEX: Final = "index/"
TRASH: Final = "trash/"

MAX_ID_BYTES: Final = 1024
MAX_SEQ: Final = 10**10 - 1
"""The last number that fits the ten digits of a commit's name; the name of a larger one is foreign to all readers."""

GROUP: Final = 1000
"""Commits in one directory of the log."""

_MAX_KEY: Final = 180  # leaves room for `=.` and ten digits below the 255 that file systems allow
_KEPT: Final = 100

_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789._-")
_ESCAPED: Final = tuple(chr(byte) if byte in _PLAIN else f"={byte:02x}" for byte in range(256))
# Windows takes these for devices in any directory, in any case, with any extension.
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\.|\Z)", re.IGNORECASE | re.ASCII)
_STEMS: Final = ("con", "prn", "aux", "nul", "com", "lpt", "conin$", "conout$")
_KEY: Final = re.compile(r"(?:[a-z0-9._-]|=[0-9a-f]{2})+")
_HASHED_KEY: Final = re.compile(r"((?:[a-z0-9._-]|=[0-9a-f]{2})+)=-[0-9a-f]{32}")
_OBJECT: Final = re.compile(r"[0-9a-f]{64}(\.zst)?")
_GROUP_NAME: Final = re.compile(r"[0-9]{6}|[1-9][0-9]{6}")
_SEQ_NAME: Final = re.compile(r"[0-9]{10}")
_EPOCH_NAME: Final = re.compile(r"0|[1-9][0-9]{0,9}")


def check_id(id: str) -> str:
    """Give back an id that can name a session.

    Raises:
        InvalidIdError: It is empty, not a ``str``, holds a NUL or a lone surrogate, or takes over 1,024 bytes of UTF-8.
    """
    if not isinstance(id, str):
        raise InvalidIdError(f"an id must be a str, not {type(id).__name__}")
    if not id:
        raise InvalidIdError("an id must not be empty")
    if "\0" in id:
        raise InvalidIdError("an id must not contain a NUL character")
    try:
        size = len(id.encode())
    except UnicodeEncodeError:
        raise InvalidIdError("an id must not contain a lone surrogate, which UTF-8 cannot hold") from None
    if size > MAX_ID_BYTES:
        raise InvalidIdError(f"an id must not be longer than {MAX_ID_BYTES:,} bytes of UTF-8; this one has {size:,}")
    return id


def check_number(number: int, what: str = "at") -> int:
    """Give back what may be the number of a commit, in the range or not.

    Raises:
        InvalidValueError: It is no ``int``, or too long to be shown; a ``bool`` is none either.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidValueError(
            f"{what} must be the number of a commit, an int such as `history` gives, not {type(number).__name__}"
        )
    if abs(number) >= 10**640:  # Python may refuse to write it into an error
        raise InvalidValueError(f"{what} must be the number of a commit, which has 10 digits at most")
    return number


def session_key(id: str) -> str:
    """Give the name of a session's directory: the id, escaped; of long ones the beginning and a digest.

    Two ids never share a name, not even where a disk ignores case.

    Raises:
        InvalidIdError: The id is refused, see `check_id`.
    """
    tokens = [_ESCAPED[byte] for byte in check_id(id).encode()]
    for end in (0, -1):
        if tokens[end] == ".":
            tokens[end] = "=2e"
    if _RESERVED.match(id):
        tokens[0] = f"={ord(id[0]):02x}"
    key = "".join(tokens)
    if len(key) <= _MAX_KEY:
        return key
    kept = key[:_KEPT]
    if (escape := kept.rfind("=")) > _KEPT - 3:
        kept = kept[:escape]
    return f"{kept}=-{hashlib.sha256(id.encode()).hexdigest()[:32]}"


def beginnings(prefix: str) -> tuple[str, ...]:
    """Give what the keys of ids that begin with ``prefix`` begin with, sorted; keys of other ids may do so too.

    It is one, or two where some of these ids begin like a name that Windows reserves, and others do not.
    """
    try:
        tokens = [_ESCAPED[byte] for byte in prefix.encode()]
    except UnicodeEncodeError:
        return ()  # no id has such a beginning
    if prefix.startswith("."):
        tokens[0] = "=2e"
    if prefix.endswith("."):  # escaped where the id ends there
        tokens.pop()
    if not tokens:
        return ("",)
    found = {_kept(tokens)}
    if _RESERVED.match(prefix) or any(stem.startswith(prefix.lower()) for stem in _STEMS):
        tokens[0] = f"={ord(prefix[0]):02x}"
        found.add(_kept(tokens))
    return tuple(sorted(found))


def _kept(tokens: list[str]) -> str:
    """Give the beginning that every key of such an id has, one that is hashed too."""
    kept = ""
    for token in tokens:
        if len(kept) + len(token) > _KEPT - 2:
            break
        kept += token
    return kept


def id_of(key: str) -> str | None:
    """Give the id that a key stands for; ``None`` for a hashed key, which does not tell, and for what is no key."""
    if not _KEY.fullmatch(key):
        return None
    raw = re.sub(rb"=(..)", lambda escape: bytes.fromhex(escape[1].decode()), key.encode())
    try:
        found = raw.decode()
        return found if session_key(found) == key else None
    except (UnicodeDecodeError, InvalidIdError):
        return None


def is_hashed(key: str) -> bool:
    """Tell whether a name is the key of a long id, which stands in its commits and hints only."""
    hashed = _HASHED_KEY.fullmatch(key)
    return hashed is not None and _KEPT - 2 <= len(hashed[1]) <= _KEPT


def is_key(name: str) -> bool:
    """Tell whether a name is the key of some session, as `session_key` writes it."""
    return is_hashed(name) or id_of(name) is not None


def is_object_name(name: object) -> bool:
    """Tell whether a value is the name of an object: 64 lower-case hex digits, and ``.zst`` where it is compressed."""
    return isinstance(name, str) and _OBJECT.fullmatch(name) is not None


def session_dir(key: str) -> str:
    """Give the directory that is the whole of a session, with a slash at the end as all directories here."""
    return f"{SESSIONS}{key}/"


def log_root(key: str) -> str:
    """Give the directory of a session's log, which holds one directory per thousand commits."""
    return f"{SESSIONS}{key}/log/"


def log_dir(key: str, group: int) -> str:
    """Give the directory of the commits ``group * 1000`` to ``group * 1000 + 999``."""
    return f"{log_root(key)}{group:06d}/"


def log_key(key: str, n: int) -> str:
    """Give the key of commit ``n``, 1 or more."""
    return f"{log_dir(key, n // GROUP)}{_number(n)}"


def objects_root(key: str) -> str:
    """Give the directory of a session's objects, which holds one directory per epoch."""
    return f"{SESSIONS}{key}/objects/"


def objects_dir(key: str, epoch: int) -> str:
    """Give the directory of the objects that were created under an epoch."""
    return f"{objects_root(key)}{epoch}/"


def object_key(key: str, epoch: int, name: str) -> str:
    """Give the key of an object.

    Raises:
        ValueError: The name is not an object's. Names come out of stored bytes and must not lead elsewhere.
    """
    if not is_object_name(name):
        raise ValueError("not the name of an object")
    return f"{objects_dir(key, epoch)}{name}"


def index_hint(key: str, n: int) -> str:
    """Give the key of the hint that a session exists since commit ``n``."""
    return f"{INDEX}{key}=.{_number(n)}"


def trash_hint(key: str, n: int) -> str:
    """Give the key of the hint that commit ``n`` is a tombstone whose sweep is due."""
    return f"{TRASH}{key}=.{_number(n)}"


def parse_group(name: str) -> int | None:
    """Read the name of a directory in a log, or say ``None`` of a foreign one. Compare numbers, not names."""
    return int(name) if _GROUP_NAME.fullmatch(name) else None


def parse_log(dir_name: str, name: str) -> int | None:
    """Read the number of a commit from its name and that of its directory, or say ``None`` of a foreign one."""
    group = parse_group(dir_name)
    n = _parse_number(name)
    return n if n is not None and n // GROUP == group else None


def parse_epoch(name: str) -> int | None:
    """Read the name of a directory of objects, or say ``None`` of a foreign one."""
    return int(name) if _EPOCH_NAME.fullmatch(name) else None


def parse_hint(name: str) -> tuple[str, int] | None:
    """Read the name of a hint as the session's key and the commit's number, or say ``None`` of a foreign one."""
    key, separator, digits = name.rpartition("=.")
    n = _parse_number(digits)
    return (key, n) if separator and n is not None and is_key(key) else None


def behind_hints(key: str) -> str:
    """Give a name, of no object, that sorts behind all hints of a session and before all others behind them."""
    return f"{key}=.:"


def _number(n: int) -> str:
    if n < 1:
        raise ValueError(f"no commit can have the number {n}")
    return f"{n:010d}"


def _parse_number(name: str) -> int | None:
    return (int(name) or None) if _SEQ_NAME.fullmatch(name) else None
