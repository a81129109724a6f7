"""The cause out of a log, of one start."""

from pathlib import Path

import pytest

from wince.local.last_words import LONGEST, last_words, size

JAVA = "[12:00:00] INFO starts\n[12:00:01] ERROR Exiting Kafka due to fatal exception\njava.net.BindException: taken\n\tat sun.nio.Net\n"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", ("", "")),
        ("one\ntwo\n\n", ("two", "")),
        ("wince: WINCE_X: is wrong\n  remedy: correct it\nthen more\n", ("WINCE_X: is wrong", "correct it")),
        (JAVA, ("java.net.BindException: taken", "")),
        ("x" * 5000, ("x" * LONGEST, "")),
    ],
    ids=["nothing", "lines", "command line", "java", "long"],
)
def test_cause_and_remedy(tmp_path: Path, said: str, found: tuple[str, str]) -> None:
    log = tmp_path / "a.log"
    assert last_words(log, size(log)) == ("", "")
    log.write_text("wince: what an earlier start said\n  remedy: then\n")
    begin = size(log)
    with log.open("a") as more:
        more.write(said)
    assert last_words(log, begin) == found
