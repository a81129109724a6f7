import os

import pytest

from wince.errors import ConfigError, ResourceError
from wince.telemetry.key import hash_key


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "logs.key"
    first = hash_key(path)
    assert len(first) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert hash_key(path) == first


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path):
    path = tmp_path / "logs.key"
    hash_key(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="may read"):
        hash_key(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="no key"):
        hash_key(path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ResourceError) as caught:
        hash_key(tmp_path / "none" / "logs.key")
    assert "none" in caught.value.field


def test_a_key_that_the_site_named_is_never_made(tmp_path):
    """Each replica would have another, and the same patient another hash in each log."""
    path = tmp_path / "logs.key"
    with pytest.raises(ConfigError, match="No such file") as caught:
        hash_key(path, make=False)
    assert str(path) in caught.value.field
    assert not path.exists()
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    assert hash_key(path, make=False) == bytes(range(32))


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
@pytest.mark.parametrize(
    ("owner", "mode", "fits"), [(0, 0o440, False), (10_001, 0o440, True), (10_001, 0o460, False), (10_001, 0o444, False)]
)
def test_a_secret_that_an_orchestrator_mounted_may_be_read_by_the_pods_group(tmp_path, owner, mode, fits):
    """Kubernetes mounts it 0440, root's, with the pod's group, for a process that isn't root; here another owns it."""
    path = tmp_path / "logs.key"
    path.write_bytes(bytes(32))
    os.chown(path, owner, 0)
    path.chmod(mode)
    if fits:
        assert hash_key(path, make=False) == bytes(32)
    else:
        with pytest.raises(ConfigError, match="other users may read"):
            hash_key(path, make=False)
