"""Three brokers on three machines that cables join, one of them cut off from the others for a while, under load. What it came to, in JSON.

unshare --net python -m tests.integration.kafka_cut DIRECTORY SECONDS        # test_kafka_cut.py
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from kafka.protocol.metadata import MetadataRequest

from tests.integration.kafka_world import Load, eventually, in_sync
from tests.support.netns import Cables
from wince.bus.kafka_options import KafkaOptions
from wince.testing.peers import KafkaPeer

NODES = 3


def leaders(peer: KafkaPeer, topic: str, asked: int) -> dict[int, int]:
    """Who leads each partition (nodes count from 0, -1: nobody), as the node that is asked has it."""
    admin = KafkaOptions(peer.bootstrap.split(",")[asked], security="insecure-plaintext", connect_s=30).admin()
    try:
        request = MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
        found = admin._manager.run(lambda: admin._manager.send(request, node_id=asked + 1))
        return {one.partition_index: max(0, one.leader_id) - 1 for one in found.topics[0].partitions}
    finally:
        admin.close()


def main() -> None:
    """Cut, look, wait, mend, look."""
    directory, seconds = Path(sys.argv[1]), float(sys.argv[2])
    with Cables(NODES) as net:
        hosts, inside = [net.address(node) for node in range(NODES)], [net.inside(node) for node in range(NODES)]
        with KafkaPeer(directory, nodes=NODES, hosts=hosts, inside=inside) as peer:
            load = Load(peer, "test.cut.v1")
            try:
                load.wait_for_more()
                before = leaders(peer, load.topic, 0)
                cut, other = (node := before[0]), (node + 1) % NODES
                net.cut(cut)
                began = time.monotonic()
                moved = eventually(lambda: cut not in leaders(peer, load.topic, other).values(), 30)
                moved_s = time.monotonic() - began
                runs, thinks = peer.pid(cut) is not None, leaders(peer, load.topic, cut)
                load.wait_for_more(timeout_s=90)
                during = len(load.acknowledged)
                time.sleep(max(0.0, seconds - (time.monotonic() - began)))
                lasted, still = time.monotonic() - began, leaders(peer, load.topic, cut)
                net.mend(cut)
                load.wait_for_more(timeout_s=90)
                healed = eventually(lambda: in_sync(peer, load.topic), 90)
                load.end()
                told = {
                    "lasted_s": lasted,
                    "runs": runs,
                    "moved": moved,
                    "moved_s": round(moved_s, 1),
                    "thinks_it_leads": [cut in thinks.values(), cut in still.values()],
                    "acknowledged": len(load.acknowledged),
                    "acknowledged_when_it_was_cut_off": during,
                    "healed": healed,
                    "lost": len(load.lost),
                    "refused": len(load.refused),
                    "in_order": load.in_order(),
                    "twice": load.doubled,
                }
                print(json.dumps(told), flush=True)
            finally:
                load.close()


if __name__ == "__main__":
    main()
