"""Verification reports: what was checked, and what remains doubtful."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Self, cast

from pydantic import Field

from ._base import U64, ListOf, Model, Named, OrAbsent, UnlessEmpty, WireEnum, constructor

if TYPE_CHECKING:
    from ._base import Twin

VERIFICATION_REPORT_SCHEMA: Final = "a3s.verification_report.v1"


class VerificationStatus(WireEnum):
    """How a check or a whole report turned out."""

    PASSED = "passed"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    SKIPPED = "skipped"


class VerificationCheck(Model):
    """One thing to verify.

    ``VerificationCheck.required(id, kind, description)`` and ``VerificationCheck.optional(...)`` make one that still
    needs a review; the ``with_`` methods return a changed copy.

    Attributes:
        id: Its name within the report.
        kind: For instance ``test`` or ``lint``.
        description: What it verifies.
        status: How it turned out.
        required: Whether the report needs it to pass.
        suggested_tools: Tools that can carry it out.
        evidence_uris: Artifacts that show the outcome.
        residual_risk: What remains doubtful about it.
    """

    id: str
    kind: str
    description: str
    status: Named[VerificationStatus]
    if TYPE_CHECKING:
        required: Twin[Callable[[str, str, str], VerificationCheck], bool] = Field(
            default=cast(Any, None)
        )  # there is one
    else:
        required: bool = False
    suggested_tools: UnlessEmpty[list[str]] = Field(default_factory=list)
    evidence_uris: UnlessEmpty[list[str]] = Field(default_factory=list)
    residual_risk: OrAbsent[str] = None

    @classmethod
    def optional(cls, id: str, kind: str, description: str) -> Self:
        """Make a check that may be left out; one that fails still fails the report."""
        return cls(id=id, kind=kind, description=description, status=VerificationStatus.NEEDS_REVIEW)

    def with_status(self, status: VerificationStatus) -> Self:
        """Return a copy with this status."""
        return self._with("status", status)

    def with_suggested_tools(self, tools: Iterable[str]) -> Self:
        """Return a copy with these tools."""
        return self._with("suggested_tools", list(tools))

    def with_evidence_uris(self, uris: Iterable[str]) -> Self:
        """Return a copy with this evidence."""
        return self._with("evidence_uris", list(uris))

    def with_residual_risk(self, risk: str) -> Self:
        """Return a copy with this risk."""
        return self._with("residual_risk", risk)

    def _with(self, field: str, value: object) -> Self:
        copy = self.model_copy(deep=True)
        setattr(copy, field, value)  # an assignment validates, `model_copy(update=)` does not
        return copy


@constructor(VerificationCheck, "required")
def _required(cls: type[VerificationCheck], id: str, kind: str, description: str) -> VerificationCheck:
    """Make a check that must pass."""
    return cls(id=id, kind=kind, description=description, status=VerificationStatus.NEEDS_REVIEW, required=True)


with warnings.catch_warnings():
    # The seed calls the field `schema`, and so does pydantic a method that it has retired.
    warnings.filterwarnings("ignore", 'Field name "schema"', UserWarning)

    class VerificationReport(Model):
        """The checks of one subject and their common outcome.

        Attributes:
            schema: Which report this is; any string is kept.
            subject: What was verified.
            status: The outcome. `new` derives it; one that is read is kept as it is.
            checks: The checks.
            residual_risks: What remains doubtful about the whole.
        """

        schema: str  # type: ignore[assignment]
        subject: str
        status: Named[VerificationStatus]
        checks: ListOf[VerificationCheck]
        residual_risks: UnlessEmpty[list[str]] = Field(default_factory=list)

        @classmethod
        def new(cls, subject: str, checks: list[VerificationCheck]) -> Self:
            """Make a report and derive its status from the checks."""
            return cls(schema=VERIFICATION_REPORT_SCHEMA, subject=subject, status=_derive(checks, []), checks=checks)

        def with_residual_risk(self, risk: str) -> Self:
            """Return a copy with one more risk and its status derived anew."""
            copy = self.model_copy(deep=True)
            copy.residual_risks = [*self.residual_risks, risk]
            copy.status = _derive(copy.checks, copy.residual_risks)
            return copy


def _derive(checks: list[VerificationCheck], risks: list[str]) -> VerificationStatus:
    undecided = (VerificationStatus.NEEDS_REVIEW, VerificationStatus.SKIPPED)
    if any(check.status == VerificationStatus.FAILED for check in checks):
        return VerificationStatus.FAILED
    if risks or any(check.required and check.status in undecided for check in checks):
        return VerificationStatus.NEEDS_REVIEW
    return VerificationStatus.PASSED if checks else VerificationStatus.SKIPPED


class VerificationSummary(Model):
    """The reports of a whole run in numbers, as its last event carries them."""

    status: Named[VerificationStatus]
    report_count: U64
    required_check_count: U64
    pending_required_check_count: U64
    failed_check_count: U64
    residual_risk_count: U64
    pending_subjects: UnlessEmpty[list[str]] = Field(default_factory=list)
    failed_subjects: UnlessEmpty[list[str]] = Field(default_factory=list)

    @classmethod
    def default(cls) -> Self:
        """Make the one of a run that was not verified: no reports."""
        return cls(
            status=VerificationStatus.SKIPPED,
            report_count=0,
            required_check_count=0,
            pending_required_check_count=0,
            failed_check_count=0,
            residual_risk_count=0,
        )
