"""A message with results in, its scores kept in one commit."""

from __future__ import annotations

from collections.abc import Sequence

from wince.hl7.header import Header
from wince.hl7.message import Message
from wince.hospital import adt, notes
from wince.hospital.interface import Census
from wince.hospital.results.interface import Scores
from wince.hospital.results.reading import read
from wince.hospital.site import Site
from wince.telemetry import logs, metrics

log = logs.get(__name__)


def takes(header: Header) -> bool:
    """Whether it is an ORU^R01; ORU alone, as v2.1 has it, is one."""
    return header.type == "ORU" and header.trigger in ("R01", "")


class Results:
    """Takes results of a site that lists codes of scores. Thread-safe as its census and scores are."""

    def __init__(self, census: Census, scores: Scores, site: Site, codes: Sequence[str]) -> None:
        """`codes`: as system|code."""
        self._census, self._scores, self._site, self._codes = census, scores, site, tuple(codes)

    def take(self, message: Message, now_us: int, latest_us: int | None = None) -> None:
        """Returns when it is durable. `latest_us`: the last moment at which it may have been sent; None: any. Raises
        Hl7Error, IntegrityError, StoreError, Unavailable."""
        header = message.header
        about_nobody = adt.practice(header, self._site)
        if about_nobody:
            self._ignored(message, [about_nobody])
            return
        adt.not_ahead(adt.sent(header, self._site), "MSH-7", latest_us)
        report = read(message, self._site, self._codes, now_us)
        said = list(report.notes)
        kept = self._scores.take(report) if report.reported else None
        if kept is not None and kept.unknown:
            said.append(notes.UNKNOWN_VISIT)
        fields = [note for note in said if " " in note]
        metrics.noted([*(note for note in said if " " not in note), *([notes.BAD_RESULT] if fields else [])])
        if fields:
            log.warning("a score can't be taken", message=header.control_id, notes=fields)
        if kept is None or not (kept.count or kept.again):
            self._ignored(message, said)
        else:
            log.info("scores taken", message=header.control_id, count=kept.count, outcome="duplicate" if kept.again else "applied")

    def _ignored(self, message: Message, why: Sequence[str]) -> None:
        self._census.audit(adt.key(message.header, message.digest), "ignored", " ".join(("ORU^R01", *why)))
        log.info("results ignored", message=message.header.control_id, notes=list(why))
