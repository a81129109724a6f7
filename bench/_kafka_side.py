"""One side of bench/kafka.py: CLIENT (bus, kafka-python, confluent) MODE (produce, consume, latency) BOOTSTRAP TOPIC SIZE COUNT.

Prints messages a second, or for latency the median milliseconds of one acknowledged message. Produce fills the topic that consume reads.
"""

import statistics
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any


def bus(bootstrap: str) -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
    """Ours."""
    from wince.bus.kafka import KafkaBus
    from wince.bus.kafka_options import KafkaOptions

    made = KafkaBus(KafkaOptions(bootstrap))

    def produce(topic: str, value: bytes, count: int) -> None:
        futures = [made.publish(topic, f"camera-{n % 8}", value, {"schema": b"x", "id": b"y", "trace": b"z"}) for n in range(count)]
        for future in futures:
            future.result(120)

    def consume(topic: str, count: int) -> None:
        seen = 0

        def take(records: Any) -> None:
            nonlocal seen
            seen += len(records)

        subscription = made.consume([topic], uuid.uuid4().hex, take)
        while seen < count:
            time.sleep(0.002)
        subscription.stop()

    return produce, consume, made.close


def kafka_python(bootstrap: str) -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
    """The library bare, tuned as ours."""
    from kafka import KafkaConsumer, KafkaProducer

    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5, batch_size=256 << 10)

    def produce(topic: str, value: bytes, count: int) -> None:
        for n in range(count):
            sent = producer.send(topic, value, f"camera-{n % 8}".encode(), [("schema", b"x"), ("id", b"y"), ("trace", b"z")])
        sent.get(120) if count == 1 else producer.flush()

    def consume(topic: str, count: int) -> None:
        consumer = KafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=uuid.uuid4().hex, auto_offset_reset="earliest", enable_auto_commit=False,
            fetch_max_wait_ms=200, fetch_max_bytes=8 << 20,
        )  # fmt: skip
        seen = 0
        while seen < count:
            polled = consumer.poll(250, 500)
            seen += sum(len(records) for records in polled.values())
            if polled:
                consumer.commit()
        consumer.close()

    return produce, consume, producer.close


def confluent(bootstrap: str) -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
    """librdkafka."""
    from confluent_kafka import Consumer, Producer

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5, "batch.size": 256 << 10})

    def produce(topic: str, value: bytes, count: int) -> None:
        for n in range(count):
            while True:
                try:
                    producer.produce(topic, value, f"camera-{n % 8}".encode(), headers=[("schema", b"x"), ("id", b"y"), ("trace", b"z")])
                    break
                except BufferError:
                    producer.poll(0.01)
        if count == 1:  # flush() would not wait for linger.ms, as the others do
            while len(producer):
                producer.poll(0.05)
        producer.flush()

    def consume(topic: str, count: int) -> None:
        consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        )
        consumer.subscribe([topic])
        seen = 0
        while seen < count:
            got = consumer.consume(500, 0.25)
            for one in got:
                one.value()
            seen += len(got)
            if got:
                consumer.commit(asynchronous=False)
        consumer.close()

    return produce, consume, producer.flush


def main() -> None:
    """Run one measurement."""
    client, mode, bootstrap, topic, size, count = *sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6])
    produce, consume, close = {"bus": bus, "kafka-python": kafka_python, "confluent": confluent}[client](bootstrap)
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    produce(topic + ".warm", value, 1)
    start = time.perf_counter()
    if mode == "latency":
        times = []
        for _ in range(count):
            begun = time.perf_counter()
            produce(topic + ".warm", value, 1)
            times.append(time.perf_counter() - begun)
        print(statistics.median(times) * 1000)
    else:
        produce(topic, value, count) if mode == "produce" else consume(topic, count)
        print(count / (time.perf_counter() - start))
    close()


if __name__ == "__main__":
    main()
