"""Errors that only a call knows: they say which gRPC status is meant. The tree stands in wince/errors.py."""

from __future__ import annotations

from wince.errors import InputError, Refused, ResourceError


class NotFound(InputError):
    """What the call is about is not there."""


class OutOfRange(InputError):
    """It was right once: what it points at lies too far back, or is gone."""


class TooLarge(InputError):
    """A picture or list in the call is larger than allowed."""


class TimedOut(ResourceError):
    """The call took longer than it may, or its stream was silent too long."""


class AlreadyExists(Refused):
    """Something else stands under that id."""


class Unauthenticated(Refused):
    """No token, or a wrong one."""


class Forbidden(Refused):
    """A known caller without the role that this call needs."""
