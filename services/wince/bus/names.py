"""What topics and groups are called at the brokers: our own names, behind the prefix of a site that shares its brokers with another.

Everything above the Kafka client knows our own names alone; the client's side is translated here, at the edge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wince.errors import ConfigError

MAX_PREFIX = 64
"""Characters. Kafka's names have 249 at most."""
_PREFIX = re.compile(r"[a-z0-9][a-z0-9.-]*[.-]|")


@dataclass(frozen=True, slots=True)
class Names:
    """Between our names and those at the brokers.

    >>> Names("north.").there("wince.faces.v1")
    'north.wince.faces.v1'
    >>> Names("north.").ours("north.wince.faces.v1"), Names("north.").ours("south.wince.faces.v1")
    ('wince.faces.v1', None)
    """

    prefix: str = ""
    """Small letters, digits, points and hyphens; ends with a point or a hyphen. Empty: our names as they are."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a prefix that Kafka or Kubernetes could not have in a name."""
        if len(self.prefix) > MAX_PREFIX or not _PREFIX.fullmatch(self.prefix):
            remedy = f"small letters, digits, . and -, ending with . or -, at most {MAX_PREFIX}, such as north."
            raise ConfigError("can't begin the names of topics", field="kafka_prefix", remedy=remedy)

    def there(self, name: str) -> str:
        """A topic or group of ours, as the brokers know it."""
        return self.prefix + name

    def ours(self, name: str) -> str | None:
        """A topic or group of the brokers' by our own name; None where it is not behind our prefix."""
        return name.removeprefix(self.prefix) if name.startswith(self.prefix) else None


PLAIN = Names()
"""Our names as they are."""
