"""A capture replica in a process of its own: owns one camera until it is killed. Arguments: dsn, owner, camera, ttl."""

import sys
import time

from wince.store.camera_leases import CameraLeases
from wince.store.database import Database


def main(dsn: str, owner: str, source: str, ttl_s: str) -> None:
    """Prints "owns FENCE" once it does, then "now" with its steady clock while it owns the camera."""
    with Database(dsn, size=1) as database:
        leases = CameraLeases(database, owner, ttl_s=float(ttl_s))
        while (lease := leases.acquire(source)) is None:
            time.sleep(0.05)
        print("owns", lease.fence, flush=True)
        while leases.owns(source):
            print("now", time.monotonic(), flush=True)
            time.sleep(0.02)
            if leases.renew():
                break
        print("lost", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
