"""What S3 lays down, whoever speaks with it: how much it takes at once, and what it means by its refusals."""

from __future__ import annotations

from ._adapter import Kind, Refusal, kind_of

PAGE = 1000
"""How many keys one request lists or deletes."""

MAX_COPY = 5 * 2**30
"""Bytes of the largest object that one request copies."""

PART = 8 * 2**20
"""Bytes of a part; what is no larger goes up in one request."""

PARTS_AT_ONCE = 2

_MAX_PARTS = 10_000

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
_TOO_MUCH = frozenset(
    {
        "BandwidthLimitExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""What S3, or the key service behind it, says to too many requests; some of it comes with 400."""

_UNAVAILABLE = _TOO_MUCH | {"BadDigest", "IncompleteBody", "InternalError", "RequestTimeout", "ServiceUnavailable"}
_KINDS = {
    **dict.fromkeys(_DENIED, Kind.DENIED),
    **dict.fromkeys(_UNAVAILABLE, Kind.UNAVAILABLE),
    "NoSuchBucket": Kind.NO_BUCKET,
    "NoSuchKey": Kind.MISSING,
    "NoSuchUpload": Kind.OTHER,
    "NotImplemented": Kind.UNSUPPORTED,
}
STRANGE = Refusal(Kind.UNAVAILABLE, "what came is no answer of S3")
ANOTHER_REGION = "the bucket is in another region: name it in client_kwargs as region_name"
_MEANT = {
    "AuthorizationHeaderMalformed": ANOTHER_REGION,
    "IllegalLocationConstraintException": ANOTHER_REGION,
    "PermanentRedirect": ANOTHER_REGION,
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
}


def part_size(size: int) -> int:
    """Say how large the parts of an upload of ``size`` bytes are: larger above 80 GiB, since there may be so many."""
    return max(PART, -(-size // _MAX_PARTS))


def refusal_of(status: int | None, code: str) -> Refusal:
    """Say what an HTTP status and a code of S3 mean together; the code tells more."""
    kind = _KINDS.get(code) or (kind_of(status) if status is not None else Kind.OTHER)
    said = code if status is None or code == str(status) else f"{status} {code}"
    return Refusal(kind, f"{said}: {_MEANT[code]}" if code in _MEANT else said)
