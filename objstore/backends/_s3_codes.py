"""What S3 means by the codes of its refusals, whoever speaks with it."""

from __future__ import annotations

from ._adapter import Kind, Refusal, kind_of

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
_UNAVAILABLE = frozenset({"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
_KINDS = {
    **dict.fromkeys(_DENIED, Kind.DENIED),
    **dict.fromkeys(_UNAVAILABLE, Kind.UNAVAILABLE),
    "NoSuchBucket": Kind.NO_BUCKET,
    "NoSuchKey": Kind.MISSING,
    "NoSuchUpload": Kind.OTHER,
    "NotImplemented": Kind.UNSUPPORTED,
}


def refusal_of(status: int | None, code: str) -> Refusal:
    """Say what an HTTP status and a code of S3 mean together; the code tells more."""
    kind = _KINDS.get(code) or (kind_of(status) if status is not None else Kind.OTHER)
    return Refusal(kind, code if status is None or code == str(status) else f"{status} {code}")
