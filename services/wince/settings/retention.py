"""How long data rests in Wince's own database."""

from __future__ import annotations

from pydantic import Field

from wince.settings.part import Part


class Retention(Part):
    """Retention

    How long data rests in Wince's own database. Nothing is erased by itself: `wince retention run` does it, once a day by a timer of yours.
    What stands in the EHR is not touched. docs/reference/retention.md lists every table, topic and file.
    """

    retention_assessments_days: int | None = Field(default=None, ge=1, le=36_500, examples=[365])
    """Windows, alerts, verdicts and entries older than this are erased, with their deliveries, DICOM objects and what is remembered of
    cameras that show nothing any more; what must still be delivered stays. Not set: they are kept."""
    retention_movements_days: int | None = Field(default=None, ge=1, le=36_500, examples=[365])
    """ADT movements and stays of visits that ended longer ago go, once no window and no entry of them is kept, with scores, states of
    patients, consents of that visit and merged numbers. Not set: they are kept."""
    retention_audit_days: int | None = Field(default=None, ge=1, le=36_500, examples=[3650])
    """Payloads of the audit trail older than this are erased. The chain, with their digests, is kept for ever. Not set: they are kept."""

    @property
    def retention_limits(self) -> bool:
        """Whether any limit is set."""
        return any((self.retention_assessments_days, self.retention_movements_days, self.retention_audit_days))
