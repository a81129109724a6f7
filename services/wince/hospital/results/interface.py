"""The port by which scores are kept."""

from typing import Protocol

from wince.domain.score import Kept, Report


class Scores(Protocol):
    """Keeps what messages say of scores. Thread-safe; blocks for the database."""

    def take(self, report: Report) -> Kept:
        """In one transaction: look up the message's key, pass over scores of visits that nobody ever spoke of, keep the others or take them
        back, append to the audit trail (event "oru", and one for each score that changes), COMMIT.

        Returning means durable. Of a score the word that was sent last stands; of two that were sent at once the one that came last. That
        one is taken back is kept also of an unknown visit: the score may still come. Where there are only scores of unknown visits nothing
        is written. Raises IntegrityError where another message was taken under the key less than the census's window ago, StoreError or
        Unavailable where the store fails.
        """
        ...
