"""Hospital, record, grade and imaging as one process that can be killed: DSN STATE DICOM_PORT MLLP_PORT."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.integration.imaging_world import world
from wince.store.database import Database


def main() -> None:
    dsn, state, dicom, mllp = sys.argv[1:5]
    with Database(dsn) as database, world(dsn, database, Path(state), dicom_port=int(dicom), mllp_port=int(mllp)) as here:
        print("ready", flush=True)
        while all(one.failed() is None for one in here.running.values()):
            time.sleep(0.2)


if __name__ == "__main__":
    main()
