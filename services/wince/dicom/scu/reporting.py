"""Tells a peer what a storage commitment came to, on an association that we open (PS3.4 section J.3.3): as its provider."""

from __future__ import annotations

from wince.dicom.scp import command, commitment
from wince.dicom.scp.interface import Report
from wince.dicom.scp.tables import COMMITMENT, COMMITMENT_INSTANCE
from wince.dicom.scu import negotiation
from wince.dicom.scu.association import Association
from wince.dicom.scu.connection import Peer
from wince.errors import Refused


def tell(peer: Peer, report: Report, *, total_s: float) -> bool:
    """Send the N-EVENT-REPORT; whether the peer acknowledged it. Raises Unavailable; Refused where the peer does not let us in, or takes no
    storage commitment from us."""
    with Association(peer, [negotiation.Context(COMMITMENT, provider=True)], total_s=total_s) as association:
        if not association.takes(COMMITMENT):
            remedy = "have it take N-EVENT-REPORT from our AE title (role selection: we are the SCP)"
            raise Refused(f"{peer.terms.name} takes no report of storage commitment", field=peer.place, remedy=remedy)
        said: dict[int, int | str] = {
            command.CLASS: COMMITMENT,
            command.FIELD: command.N_EVENT_REPORT,
            command.INSTANCE: COMMITMENT_INSTANCE,
            command.EVENT: commitment.event(report),
        }
        answer = association.ask(COMMITMENT, said, commitment.encoded(report, association.syntax(COMMITMENT)))
        return answer.get(command.STATUS) == 0
