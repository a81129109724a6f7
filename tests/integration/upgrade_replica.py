"""A record replica of the next release, for the test of a rolling upgrade: it knows the next schema, waits for it, then records under load.

python -m tests.integration.upgrade_replica DSN DIRECTORY PREFIX
"""

import sys
from pathlib import Path

from tests.integration.next_schema import EXPANDED
from wince.store import schema

schema.bundled = lambda: EXPANDED  # type: ignore[assignment]  # before anything else reads it

from tests.integration import record_load  # noqa: E402
from wince.serve import service  # noqa: E402
from wince.settings import Settings  # noqa: E402


def main(dsn: str, directory: Path, prefix: str) -> None:
    """See above."""
    service._opened(Settings(pg_dsn=dsn, schema_at_start="expect")).close()
    record_load.main(dsn, directory, prefix)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
