"""What can never be written, however often it is tried: told from a database that is away."""

from __future__ import annotations

from wince.errors import InputError, IntegrityError, PeerError, ResourceError, StoreError, WinceError


def is_poison(error: BaseException) -> bool:
    """Whether the same again fails again, whoever asks and whenever: a broken promise, a message that can't be, a row that the database
    refuses for what it holds, an error in our own code. Not: a database, disk or peer that is away, nor a schema that is another's."""
    if isinstance(error, StoreError):
        return error.of_content
    if isinstance(error, InputError | IntegrityError):
        return True
    if isinstance(error, PeerError | ResourceError | WinceError | MemoryError | OSError):
        return False
    return isinstance(error, Exception)


def words(error: BaseException) -> str:
    """What is told of it; no PHI."""
    if isinstance(error, WinceError):
        return " ".join(part for part in (error.code, error.field, error.message) if part)
    return type(error).__name__
