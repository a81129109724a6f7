"""What local servers are started from travels with the package, and lies where it is looked for."""

from wince.local import peer_cache, torchserve_config


def test_peers_poms_are_there() -> None:
    for name in ("kafka", "hapi", "validator"):
        assert (peer_cache.SOURCES / name / "pom.xml").is_file()


def test_torchserve_finds_its_logging_and_its_stand_in() -> None:
    assert torchserve_config.LOGGING.is_file()
    assert (torchserve_config.STANDIN / "torch.py").is_file()
