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
_UNAVAILABLE = frozenset(
    {"BadDigest", "IncompleteBody", "InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
)
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


def refusal_of(status: int | None, code: str) -> Refusal:
    """Say what an HTTP status and a code of S3 mean together; the code tells more."""
    kind = _KINDS.get(code) or (kind_of(status) if status is not None else Kind.OTHER)
    said = code if status is None or code == str(status) else f"{status} {code}"
    return Refusal(kind, f"{said}: {_MEANT[code]}" if code in _MEANT else said)
