"""Every table: what it holds of a person, how long that rests, and what erases it. docs/reference/retention.md is made of this table.

A test holds it against the real schema: a table without a row here fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Holds(StrEnum):
    """How much a table tells about a person."""

    PERSON = "person"
    """Numbers, dates of birth, grades of somebody who is named, or what was made of a face."""
    PSEUDONYM = "pseudonym"
    """Ids that say who it is only together with other tables."""
    STAFF = "staff"
    """Identifiers of nurses and others who work with it; nothing about patients."""
    NOTHING = "nothing"


ASSESSMENTS, MOVEMENTS, AUDIT = "retention_assessments_days", "retention_movements_days", "retention_audit_days"
FOR_EVER = "for ever"
WORK = "until its work is done"


@dataclass(frozen=True, slots=True)
class Table:
    """One table."""

    name: str
    about: str
    holds: Holds
    rests: str
    """The setting that limits it, FOR_EVER, or words."""
    person: str
    """What becomes of it when a person is erased."""
    why: str = ""
    """Why it has no end; empty where it has one."""


_GOES, _STAYS, _NONE = "deleted", "stays: it names nobody", "nothing in it is about a person"
_NEXT = f"until the next patient of the camera; of one that shows nothing any more, {ASSESSMENTS}"
_WINDOWS = "stays: ids of windows, made of camera and time"
_PROOF = "the audit trail speaks of it, and is never cut"

TABLES = (
    Table("assessment", "grades of windows", Holds.PERSON, ASSESSMENTS, _GOES),
    Table("alert", "alerts", Holds.PERSON, ASSESSMENTS, _GOES),
    Table("acknowledged", "who has seen an alert", Holds.STAFF, ASSESSMENTS, "deleted with the alert"),
    Table("question", "questions to nurses", Holds.PERSON, ASSESSMENTS, _GOES),
    Table("verdict", "nurses' answers, as record took them", Holds.PERSON, ASSESSMENTS, _GOES),
    Table("entry", "what was charted", Holds.PERSON, ASSESSMENTS, _GOES),
    Table("outbox", "what was, or is to be, delivered", Holds.PERSON, ASSESSMENTS, "deleted; a person is not erased while anything waits"),
    Table("readback", "what targets show of an entry, without its content", Holds.PSEUDONYM, ASSESSMENTS, _GOES),
    Table("snapshot", "what grade remembers of a camera: the calm face (embeddings), the stay, the date of birth", Holds.PERSON, _NEXT,
          "deleted where it names one of their stays"),
    Table("chart_state", "what record remembers of a camera: the stay", Holds.PERSON, _NEXT, "deleted where it names one of their stays"),
    Table("study", "DICOM objects: whose, how far they came", Holds.PERSON, f"{ASSESSMENTS}, once the file is deleted", _GOES),
    Table("commitment", "storage commitments that a peer is to be told of: instance UIDs", Holds.PSEUDONYM,
          f"until the peer was told; {MOVEMENTS} where its folder is gone", "deleted where it names one of their objects"),
    Table("care_event", "what people decided: verdicts, pauses, states of patients", Holds.PERSON,
          f"verdicts and pauses {ASSESSMENTS}, states of patients {MOVEMENTS}", "deleted, but for pauses of a bed"),
    Table("care_outbox", "decisions that are still to be told to grade and record", Holds.PSEUDONYM, WORK, "deleted with the decision"),
    Table("movement", "ADT movements as they came", Holds.PERSON, MOVEMENTS, _GOES),
    Table("stay", "who lay in which bed", Holds.PERSON, MOVEMENTS, _GOES),
    Table("score", "self-reports and nurses' scores", Holds.PERSON, f"{MOVEMENTS}, with the visit", _GOES),
    Table("alias", "merged numbers of persons and visits", Holds.PERSON, f"{MOVEMENTS}, once nothing else names them", _GOES),
    Table("doubted", "beds of which it is, or was, not sure who lies there; whom a list has in them", Holds.PERSON,
          f"{MOVEMENTS}, once a person or the hospital decided it", "deleted; a person is not erased while one is open"),
    Table("difference", "how the newest list from outside differs", Holds.PERSON, "until the next list", _GOES),
    Table("comparison", "that lists were compared, with counts", Holds.NOTHING, f"{MOVEMENTS}; the newest stays", _NONE),
    Table("consent", "who refused to be watched, and who agreed", Holds.PERSON,
          f"of a visit {MOVEMENTS}; of a patient {FOR_EVER}", "what was said of a visit is deleted, and that the patient agreed; "
          "the patient's refusal stays", "a refusal holds at the next visit"),
    Table("research_consent", "whose data may be given to research", Holds.PERSON, FOR_EVER,
          "that the patient agreed is deleted; a withdrawal stays", "a withdrawal holds for every later export"),
    Table("research_member", "who is whom in an export for research", Holds.PERSON, FOR_EVER,
          "the number is deleted, the pseudonym stays, marked as withdrawn", "without it nobody could be taken out of an export again"),
    Table("research_export", "what was given to research: when, by whom, how much", Holds.STAFF, FOR_EVER, _STAYS, _PROOF),
    Table("parked_message", "HL7 messages that were refused, with their text", Holds.PERSON, "mllp_parked_days",
          "a person is not erased while one names the number"),
    Table("aside", "messages of grade that can't be written yet", Holds.PSEUDONYM, "until they are written, or dropped by a person",
          "stays: it names a camera and a time, and is bound to nobody"),
    Table("aside_source", "cameras whose messages are set aside", Holds.NOTHING, WORK, _NONE),
    Table("review", "what is to be looked at again, and what charting remembers meanwhile", Holds.PERSON, f"{WORK}: seconds",
          "done within seconds of the last change"),
    Table("audit", "the chain: ids, events, digests", Holds.PSEUDONYM, FOR_EVER, "stays: it holds no payload",
          "a chain that is cut proves nothing"),
    Table("audit_payload", "what the chain's digests are of", Holds.PERSON, AUDIT, "deleted where it is about them, or names them"),
    Table("audit_erased", "which payloads were erased", Holds.PSEUDONYM, FOR_EVER, _STAYS, "it tells an erasure from a theft"),
    Table("erasure", "that something was erased, when, by whom and why", Holds.STAFF, FOR_EVER, _STAYS, "it tells an erasure from a theft"),
    Table("inbox", "ids and digests of what record took", Holds.PSEUDONYM, FOR_EVER, _WINDOWS,
          "a late copy of a window that was erased must not come back"),
    Table("adt_inbox", "control ids and digests of HL7 messages that were taken", Holds.PSEUDONYM, FOR_EVER, "stays: it holds no content",
          "a message that was taken is never taken twice"),
    Table("watch", "which camera watches which bed", Holds.PSEUDONYM, f"{FOR_EVER}; of a DICOM object, with the object",
          "deleted where the source is one of their objects", "the past of a bed is read by it"),
    Table("switch", "what was switched off, by whom and why", Holds.STAFF, FOR_EVER, _STAYS, _PROOF),
    Table("doubt", "when it was not sure who lies in a bed", Holds.NOTHING, FOR_EVER, _NONE,
          "windows of that time are never bound to anybody"),
    Table("confirmed", "who said last that a bed is right", Holds.STAFF, "until the next word about the bed", _STAYS),
    Table("retraction", "model versions whose entries were withdrawn", Holds.STAFF, FOR_EVER, _STAYS, _PROOF),
    Table("undone", "windows ahead of their time that a person withdrew", Holds.STAFF, FOR_EVER, _STAYS, _PROOF),
    Table("undone_message", "ids of what was withdrawn so", Holds.PSEUDONYM, FOR_EVER, _WINDOWS, _PROOF),
    Table("refused_time", "cameras whose clock ran ahead", Holds.NOTHING, MOVEMENTS, _NONE),
    Table("run", "runs of `wince run`", Holds.NOTHING, FOR_EVER, _NONE, "one short row for each"),
    Table("camera_lease", "which replica reads a camera", Holds.NOTHING, "15 s", _NONE),
    Table("feed", "when the ADT feed last spoke", Holds.NOTHING, "one row", _NONE),
    Table("feed_bed", "beds whose doubt follows the feed", Holds.NOTHING, WORK, _NONE),
    Table("census_load", "whether the first load is still to come", Holds.NOTHING, "one row", _NONE),
    Table("target_hold", "targets that refused Wince as a whole", Holds.NOTHING, WORK, _NONE),
    Table("target_took", "when a target last took an entry", Holds.NOTHING, "a row for each target", _NONE),
    Table("readback_turn", "when a target is read back next", Holds.NOTHING, "a row for each target", _NONE),
    Table("anchor", "how it stands with second places of the trail", Holds.NOTHING, "a row for each place", _NONE),
    Table("token_key", "what page tokens are sealed with", Holds.NOTHING, "one row", _NONE),
    Table("schema_migration", "which migrations were applied", Holds.NOTHING, FOR_EVER, _NONE, "an upgrade goes on by it"),
)  # fmt: skip
"""All of them, what is closest to a patient first."""
