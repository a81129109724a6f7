"""What stands for people in an export, and how their time is moved: both by a secret key. Pure but for the key's file.

HMAC-SHA256 under 256 random bits. A hash without a key would be no protection: record numbers are few enough to try them all.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wince import plain_file
from wince.errors import ConfigError, ResourceError

WEEKS = (5, 108)
"""By how many weeks a person's time is moved back, at least and at most."""
MOST_S = 2 * 3600
"""By how much more, or less, seconds. The hour of the week at which somebody came names them to whoever knows the ward's admissions."""
_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of one export, or of one study. Two exports with one key can be joined; with two keys they can't."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Names the key without telling it: 16 hex digits."""
        return hashlib.sha256(b"wince research key " + self.secret).hexdigest()[:16]

    def name(self, kind: str, *parts: object) -> str:
        """32 hex digits for a person, a visit, a window: the same each time under this key.

        >>> key = Key(bytes(32))
        >>> key.name("person", "a", "bc") == key.name("person", "ab", "c")
        False
        """
        return self._digest(kind, *parts).hex()[:32]

    def shift_us(self, person: str) -> int:
        """By how much a person's time is moved, microseconds, negative; `person`: the pseudonym.

        Whole weeks, so that nights, weekends and rounds stay what they were, for pain follows them; and up to 2 hours, so that the moment
        of an admission doesn't name its patient.

        >>> -756 * 86_400_000_000 - 7_200_000_000 <= Key(bytes(32)).shift_us("ab") <= -35 * 86_400_000_000 + 7_200_000_000
        True
        """
        drawn = int.from_bytes(self._digest("shift", person), "big")  # 256 bits: the remainders are even to one in 2^220
        weeks = WEEKS[0] + drawn % (WEEKS[1] - WEEKS[0] + 1)
        seconds = drawn // 1000 % (2 * MOST_S + 1) - MOST_S
        return (seconds - weeks * 7 * 86_400) * _US

    def _digest(self, kind: str, *parts: object) -> bytes:
        told = "".join(f"{len(text)}:{text}" for text in (kind, *map(str, parts)))
        return hmac.digest(self.secret, told.encode(), "sha256")


def fresh() -> Key:
    """A key that nobody has: thrown away after the export, it leaves no way back but through Wince's own database."""
    return Key(secrets.token_bytes(32))


def of_file(path: Path) -> Key:
    """The key in a file (64 hex digits), which is made where it is absent. Raises ConfigError, ResourceError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be written", field=f"--key {path}", remedy="name a file that you may write") from None
    made = fresh()
    with os.fdopen(handle, "w") as file:
        file.write(made.secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return made


def _read(path: Path) -> Key:
    remedy = "name a key that `wince research export --key` made, or a file that is not there yet"
    try:
        with plain_file.opened(path) as file:
            if plain_file.open_to_others(file.fileno()):
                raise ConfigError("can be read by others", field=f"--key {path}", remedy="chmod 600; whoever has it can undo the export")
            text = file.read(200).decode("ascii").strip()
        secret = bytes.fromhex(text)
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"--key {path}", remedy=remedy) from None
    except ValueError:
        raise ConfigError("holds no key", field=f"--key {path}", remedy=remedy) from None
    if len(secret) != 32:
        raise ConfigError("holds no key of 64 hex digits", field=f"--key {path}", remedy=remedy)
    return Key(secret)


def moved(at_us: int, shift_us: int) -> str:
    """A moment as it stands in an export: whole seconds, since fractions would tell it from all others.

    >>> moved(1_700_000_040_123_456, -35 * 86_400_000_000)
    '2023-10-10T22:14:00Z'
    """
    return (_EPOCH + timedelta(seconds=(at_us + shift_us) // _US)).strftime("%Y-%m-%dT%H:%M:%SZ")
