"""Checkpoints at a second place: what was rewritten here shows there, and a place that is away costs nothing but its count."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.integration.trail_world import fill, owner_rewrites
from tests.support.tsa import Authority, authority
from wince.anchors import compare
from wince.anchors.bucket import Bucket, BucketPlace
from wince.anchors.file import FilePlace
from wince.anchors.interface import Place
from wince.anchors.sender import Sender
from wince.anchors.timestamp import TimestampPlace
from wince.errors import ConfigError, IntegrityError, Refused, ResourceError, Unavailable
from wince.store import checkpoint_file, verification
from wince.store.checkpoints import Checkpointer, public_hex, signing_key
from wince.store.database import Database

KINDS = ("file", "s3", "timestamp")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """URL of a server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture
def bucket(s3: str, tmp_path: Path, request: pytest.FixtureRequest) -> Bucket:
    """An empty one with object lock."""
    name = f"trail-{abs(hash(request.node.name)) % 10**9}"
    login = tmp_path / "login"
    login.write_text("[default]\naws_access_key_id = tests\naws_secret_access_key = tests\n")
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="tests", aws_secret_access_key="tests")
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return Bucket(name, "wince/", s3, "us-east-1", credentials_file=login, retention_days=30)


@pytest.fixture
def make(bucket: Bucket, tsa: Authority, tmp_path: Path) -> dict[str, Place]:
    """One place of each kind."""
    (tmp_path / "mount").mkdir()
    tsa.spoil = None
    return {
        "file": FilePlace(tmp_path / "mount" / "points.jsonl", 1, tmp_path),
        "s3": BucketPlace(bucket, 1),
        "timestamp": TimestampPlace(tsa.url, tsa.ca, tmp_path / "mount" / "stamps.jsonl", 1),
    }


class Trail:
    """A chain, its file of checkpoints, and the key."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.file, self.key = folder / "points.jsonl", signing_key(folder / "keys" / "audit.pem")
        self.public = public_hex(self.key)

    def grow(self, rows: int) -> None:
        """More rows, and a checkpoint."""
        fill(self.database, rows)
        Checkpointer(self.database, self.file, self.key).stop()

    def send(self, place: Place) -> Sender:
        """One turn of a sender that was just started."""
        sender = Sender(self.database, self.file, place, self.public)
        sender.turn(last=True)
        return sender

    def verify(self, *places: Place) -> verification.Pass:
        return verification.verify(self.database, self.file, self.public, witnesses=compare.witnesses(self.database, places))

    def forge(self, seq: int) -> None:
        """Somebody who rules database, host and key writes another history, and signs it."""
        owner_rewrites(self.database, seq, "unsaid")
        with self.database.transaction() as tx:
            tx.execute("DELETE FROM anchor")
            tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
            tx.execute("DELETE FROM audit WHERE seq >= (SELECT min(seq) FROM audit WHERE event = 'checkpoint')")
            tx.execute("DELETE FROM audit_payload WHERE place NOT IN (SELECT coalesce(payload, seq) FROM audit)")
        self.file.unlink()
        Checkpointer(self.database, self.file, self.key).stop()


@pytest.fixture
def trail(database: Database, tmp_path: Path) -> Trail:
    return Trail(database, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_history_that_was_rewritten_and_signed_anew_shows_at_the_second_place(trail: Trail, make: dict[str, Place], kind: str) -> None:
    """The file of checkpoints and the database agree with each other; the second place does not agree with them."""
    trail.grow(20)
    trail.send(make[kind])
    found = trail.verify(make[kind]).found
    assert found.witnessed == 20
    assert found.unwitnessed == 0
    fill(trail.database, 3)
    assert trail.verify(make[kind]).found.unwitnessed == 3
    trail.forge(7)
    assert trail.verify().found.checkpoint == 20, "without a witness the forged history holds"
    with pytest.raises(IntegrityError, match="rewritten"):
        trail.verify(make[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_was_emptied_shows_at_the_second_place(trail: Trail, make: dict[str, Place], kind: str) -> None:
    trail.grow(5)
    trail.send(make[kind])
    with trail.database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("DELETE FROM anchor")
        tx.execute("DELETE FROM audit")
        tx.execute("DELETE FROM audit_payload")
    trail.file.unlink()
    with pytest.raises(IntegrityError, match="cut off"):
        trail.verify(make[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sender_that_was_killed_goes_on_where_the_place_is(trail: Trail, make: dict[str, Place], kind: str) -> None:
    """Nothing is kept for sending: killed before, or right after, the place took a checkpoint, the next one asks the place."""
    place = make[kind]
    trail.grow(4)
    first = checkpoint_file.newest(trail.file)
    assert first is not None
    place.put(first, trail.public)  # and killed before it was noted
    trail.send(place)
    trail.send(place)
    assert [one.seq for one in place.witnesses()] == [4], "the same checkpoint stands there once"
    trail.grow(4)
    trail.grow(4)
    trail.send(place)
    seqs = [one.seq for one in place.witnesses()]
    assert len(seqs) == 2, "the newest proves those before it"
    assert trail.verify(place).found.unwitnessed == 0


def test_a_second_write_under_the_same_name_replaces_nothing(trail: Trail, make: dict[str, Place], bucket: Bucket) -> None:
    """If-None-Match keeps the first; a version under object lock can't be deleted; a delete marker hides nothing."""
    place = make["s3"]
    trail.grow(3)
    point = checkpoint_file.newest(trail.file)
    assert point is not None
    place.put(point, trail.public)
    place.put(point, trail.public)
    client = boto3.client("s3", endpoint_url=bucket.endpoint, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    versions = client.list_object_versions(Bucket=bucket.name)["Versions"]
    assert len(versions) == 1
    name = versions[0]["Key"]
    assert client.head_object(Bucket=bucket.name, Key=name)["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.delete_object(Bucket=bucket.name, Key=name, VersionId=versions[0]["VersionId"])
    client.delete_object(Bucket=bucket.name, Key=name)
    assert [one.seq for one in place.witnesses()] == [3]
    client.put_object(Bucket=bucket.name, Key=name, Body=b"something else")
    with pytest.raises(IntegrityError, match="something else"):
        place.put(point, trail.public)


def test_a_bucket_without_object_lock_or_login_is_named(bucket: Bucket, s3: str, tmp_path: Path) -> None:
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    client.create_bucket(Bucket="unlocked")
    login = bucket.credentials_file
    with pytest.raises(ConfigError, match="no object lock"):
        BucketPlace(Bucket("unlocked", "", s3, "us-east-1", credentials_file=login), 1).probe()
    with pytest.raises(Refused, match="NoSuchBucket"):
        BucketPlace(Bucket("nowhere", "", s3, "us-east-1", credentials_file=login), 1).probe()
    assert "object lock" in BucketPlace(bucket, 1).probe()
    with pytest.raises(Unavailable):
        BucketPlace(Bucket("x-y", "", "http://127.0.0.1:9", "us-east-1", credentials_file=login), 1).probe()


def test_a_mount_that_is_gone_is_not_begun_again_on_this_host(trail: Trail, make: dict[str, Place], tmp_path: Path) -> None:
    """Neither by the process that wrote there, nor by the next one; verification says that the place lacks what it kept."""
    place = make["file"]
    trail.grow(2)
    sender = trail.send(place)
    (tmp_path / "mount" / "points.jsonl").rename(tmp_path / "away")
    trail.grow(2)
    sender.turn(last=True)
    trail.send(FilePlace(tmp_path / "mount" / "points.jsonl", 1, tmp_path))
    assert not (tmp_path / "mount" / "points.jsonl").exists()
    with pytest.raises(IntegrityError, match="kept a checkpoint of row 2"):
        trail.verify(place)
    with trail.database.transaction() as tx:
        (said,) = compare.sent(tx)
        assert said.failed_us is not None
        assert compare.behind(tx, said.seq)[0] == 2
    (tmp_path / "away").rename(tmp_path / "mount" / "points.jsonl")
    sender.turn(last=True)
    with trail.database.transaction() as tx:
        assert compare.sent(tx)[0].failed_us is None
    assert trail.verify(place).found.unwitnessed == 0
    (tmp_path / "mount" / "points.jsonl").unlink()
    os.rmdir(tmp_path / "mount")
    with pytest.raises(ResourceError, match="folder is not there"):
        place.probe()


@pytest.mark.parametrize("answer", [b"", b"no timestamp", b"0" * 100_000])
def test_an_authority_that_answers_anything_else_is_refused(trail: Trail, make: dict[str, Place], tsa: Authority, answer: bytes) -> None:
    """Nothing is written down, and the sender goes on trying."""
    tsa.spoil = answer
    trail.grow(1)
    trail.send(make["timestamp"])
    with trail.database.transaction() as tx:
        assert "anchor_tsa_url" in compare.sent(tx)[0].error
    tsa.spoil = None
    assert make["timestamp"].witnesses() == []


def test_a_timestamp_of_another_authority_or_checkpoint_is_found(
    trail: Trail, make: dict[str, Place], tsa: Authority, tmp_path: Path
) -> None:
    trail.grow(1)
    trail.send(make["timestamp"])
    file = tmp_path / "mount" / "stamps.jsonl"
    with authority(tmp_path / "thief") as other, pytest.raises(IntegrityError, match="does not hold"):
        TimestampPlace(tsa.url, other.ca, file, 1).witnesses()
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"at": "2020" + said["at"][4:]}) + "\n")
    with pytest.raises(IntegrityError, match="does not hold"):
        make["timestamp"].witnesses()


def test_a_running_sender_sends_the_last_checkpoint_when_it_ends(trail: Trail, make: dict[str, Place]) -> None:
    """Stopped after the checkpointer, whose last checkpoint it takes along."""
    sender = Sender(trail.database, trail.file, make["file"], trail.public)
    sender.start()
    trail.grow(3)
    sender.stop()
    assert sender.failed() is None
    assert [one.seq for one in make["file"].witnesses()] == [3]
