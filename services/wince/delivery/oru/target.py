"""An HL7 v2 receiver as a target: each revision of an entry one ORU^R01, sent over MLLP until it is acknowledged.

A message that may have been sent is sent again as it was, with the same control id (MSH-10): a receiver that looks at it takes it once, and
one that doesn't files the same results under the same filler order number (OBR-3). What acknowledgements mean: `answers`. Who can't be
reached is asked again after a backoff, and held after AWAY_S. Whose certificate is not believed, or who doesn't believe ours, is held
at once.
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping

from wince.certificates import explained
from wince.delivery.interface import Answer, Outcome, Taken
from wince.delivery.oru.answers import Ack, meaning
from wince.delivery.oru.channel import Channel, NotConnected
from wince.delivery.oru.message import rendered
from wince.delivery.oru.profiles.profile import Writing
from wince.domain.entry import Entry, TaskEntry
from wince.errors import PeerError
from wince.hl7.writing import encoded
from wince.protocols.rules import ClinicalProtocol

AWAY_S = 120.0
"""A receiver that could not be reached for so long is held."""
SEVERAL = 2
"""From so many entries on that it rejects, and none that it takes, a receiver rejects Wince as a whole."""
_MESSAGES = re.compile("(?<=\r)(?=MSH\\|)")
_OURS = "show it a certificate that it believes (oru_cert_file, oru_cert_key_file), then `wince outbox release {}`"


class OruTarget:
    """The writer of one receiver: delivery/interface.Target. Thread-safe."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        protocols: Mapping[str, ClinicalProtocol],
        writing: Writing,
        *,
        at_once: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.at_once = name, at_once
        self._channel, self._protocols, self._writing, self._clock = channel, protocols, writing, clock
        self.takes_back = writing.profile.withdraws != "by_hand"
        """False: a person takes back there what is wrong."""
        self._lock = threading.Lock()
        self._rejected: set[str] = set()
        """Control ids that were rejected since it last took one."""
        self._away_since: float | None = None

    def render(self, entry: Entry | TaskEntry) -> str | Taken:
        """The message of an entry; NOTHING of a question, and of what the profile doesn't take; pure. Raises MessageError."""
        if not isinstance(entry, Entry) or not self._writing.takes(entry):
            return Taken.NOTHING
        return rendered(entry, self._protocols, self._writing)

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        """Send a rendered body; see `Target`. Blocks for one exchange, two where a document follows."""
        main, *beside = _MESSAGES.split(body) if "\rMSH|" in body else (body,)
        place = _field(main, "OBR", 3).split("^")[0]
        if not self.takes_back and _field(main, "OBX", 11) == "W":
            if not location:
                return Answer(Outcome.WRITTEN, "nothing of it is there to take back")
            return Answer(Outcome.BY_HAND, f"withdraw {location} there: it is in error", location, version)
        done, _ = self._sent(main, first=first)
        if done.outcome is not Outcome.WRITTEN:
            return done
        for message in beside:
            also, ack = self._sent(message, first=first)
            if ack is not None and also.outcome in (Outcome.DEAD, Outcome.HELD):  # it takes no documents: the results stand all the same
                return Answer(Outcome.WRITTEN, done.detail, place, _field(main, "MSH", 10), left=f"MDM refused: {also.detail}")
            if also.outcome is not Outcome.WRITTEN:
                return also
        return Answer(Outcome.WRITTEN, done.detail, place, _field(main, "MSH", 10))

    def probe(self) -> Answer:
        """Connect, and sign in by TLS where that is set. Nothing is sent: a receiver has no harmless message."""
        try:
            self._channel.look()
        except PeerError as error:
            return self._unreached(error, probing=True)
        self._away_since = None
        return Answer(Outcome.WRITTEN, "connected")

    def interrupt(self) -> None:
        """Break off what is in hand; see `Interruptible`."""
        self._channel.interrupt()

    def _sent(self, message: str, *, first: bool) -> tuple[Answer, Ack | None]:
        """What came of one message, and its acknowledgement; None: there was none."""
        # As it was written, whatever the profile says by now.
        control_id, raw = _field(message, "MSH", 10), encoded(message, _field(message, "MSH", 18))
        waits = _field(message, "MSH", 16) == "AL"
        try:
            ack = self._channel.exchange(raw, control_id, lambda ack: ack.code != "CA" or not waits)
        except PeerError as error:
            return self._unreached(error), None
        self._away_since = None
        return meaning(ack, first=first, whole=self._whole(ack, control_id), target=self.name), ack

    def _whole(self, ack: Ack, control_id: str) -> bool:
        with self._lock:
            if ack.taken:
                self._rejected.clear()
            elif ack.code in ("AR", "CR") and len(self._rejected) < SEVERAL:
                self._rejected.add(control_id)
            return len(self._rejected) >= SEVERAL

    def _unreached(self, error: PeerError, *, probing: bool = False) -> Answer:
        if why := explained(error, "oru_ca_file"):
            return Answer(Outcome.HELD, f"certificate: {why[0]}", remedy=why[1])
        if _turned_away(error):
            return Answer(Outcome.HELD, "it ends the TLS handshake", remedy=_OURS.format(self.name))
        if not isinstance(error, NotConnected):
            return Answer(Outcome.RETRY, error.message)
        now = self._clock()
        since = self._away_since = now if self._away_since is None else self._away_since
        if probing or now - since >= AWAY_S:
            return Answer(Outcome.HELD, error.message, remedy="is the receiver there, and does a firewall let us through (oru_address)?")
        return Answer(Outcome.RETRY, error.message)


def _field(message: str, segment: str, number: int) -> str:
    """A field of the first such segment of a message of ours; empty where there is none."""
    begins = 0 if segment == "MSH" else message.find(f"\r{segment}|") + 1
    if begins == 0 and segment != "MSH":
        return ""
    place = number - 1 if segment == "MSH" else number
    fields = message[begins : message.find("\r", begins)].split("|", place + 1)
    return fields[place] if place < len(fields) else ""


def _turned_away(error: BaseException) -> bool:
    """Whether the peer ended TLS by an alert: it wants a certificate, or another one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError) and "ALERT" in (seen.reason or "").upper():
            return True
        seen = seen.__cause__ or seen.__context__
    return False
