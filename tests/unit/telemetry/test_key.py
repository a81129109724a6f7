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
