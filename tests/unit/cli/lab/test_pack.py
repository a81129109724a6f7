"""`wince lab pack`: an archive with its manifest; what is missing is named."""

from pathlib import Path

from tests.support.classifiers import write
from wince.errors import ResourceError
from wince.serving import manifest


def test_pack_writes_an_archive_and_its_manifest(wince, tmp_path):
    """One archive per model set; the same again is no error, other models under the same version are."""
    write(tmp_path / "m" / "postoperative-vgg16.onnx", 4, 1)
    arguments = ("lab", "pack", tmp_path / "store", "--protocol", "postoperative", "--models", tmp_path / "m")
    done = wince(*arguments, "--json")
    assert done.code == 0, done.err
    said = done.json()
    assert Path(said["archive"]).stat().st_size == said["bytes"]
    assert manifest.read(Path(said["manifest"])).model_set == said["model_set"]
    assert "postoperative 1.0, 1 members" in wince(*arguments).out
    write(tmp_path / "m" / "postoperative-vgg16.onnx", 4, 2)
    refused = wince(*arguments)
    assert refused.code == ResourceError.exit_code
    assert "new version" in refused.err
    assert wince(*arguments, "--version", "1.1").code == 0


def test_pack_names_what_is_missing(wince, tmp_path):
    """A protocol without members, an absent file, a bad version."""
    assert "no members" in wince("lab", "pack", tmp_path, "--protocol", "activity").err
    absent = wince("lab", "pack", tmp_path, "--protocol", "postoperative", "--models", tmp_path)
    assert "postoperative-vgg16" in absent.err
    write(tmp_path / "m" / "infant-cnn.onnx", 2, 1)
    bad = wince("lab", "pack", tmp_path, "--protocol", "infant", "--models", tmp_path / "m", "--version", "new")
    assert bad.code == 2
