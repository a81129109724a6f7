"""The lock file: complete, licensed, and each mistake in it named."""

import pytest

from wince.errors import ModelFileError
from wince.models import lock

TEXT = """
[notice.n]
text = "Apache"
[wheel.w]
name = "w"
version = "1"
sha256 = "{a}"
[model.m]
what = "a model"
wheel = "w"
path = "w/m.tflite"
sha256 = "{b}"
bytes = 3
licence = "Apache-2.0"
notice = "n"
""".format(a="a" * 64, b="b" * 64)


def test_every_model_of_the_default_road_is_locked_with_its_licence_and_notice() -> None:
    models = lock.load()
    assert set(lock.FACE_MODELS) <= set(models)
    for name, model in models.items():
        licence = "MIT" if name.startswith("mtcnn") else "Apache-2.0"
        assert model.licence == licence
        assert {"MIT": "MIT License", "Apache-2.0": "Apache License"}[licence] in model.notice
        assert model.wheel.requirement.count("==") == 1


def test_the_lock_names_no_host() -> None:
    text = lock.LOCK_FILE.read_text()
    assert "://" not in text.replace("http://www.apache.org/licenses/LICENSE-2.0", "")


def test_a_cached_file_is_named_by_its_hash_and_keeps_its_suffix() -> None:
    assert lock.parse(TEXT)["m"].filename == "m-bbbbbbbbbbbb.tflite"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('wheel = "w"', 'wheel = "x"', "model.m.wheel"),
        ('notice = "n"', 'notice = "x"', "model.m.notice"),
        ("bytes = 3", "bytes = 0", "model.m.bytes"),
        ('what = "a model"', "", "model.m.what"),
        ("b" * 64, "B" * 64, "model.m.sha256"),
        ("a" * 64, "a" * 63, "wheel.w.sha256"),
        ("[model.m]", "[model.m", "models.lock.toml"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, field: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        lock.parse(TEXT.replace(old, new))
    assert caught.value.field == field
    assert caught.value.remedy


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelFileError, match="no such model") as caught:
        lock.find("x")
    assert caught.value.field == "model=x"
    assert "face_landmarks" in caught.value.remedy


def test_the_id_of_a_set_depends_on_its_files_alone() -> None:
    one = lock.model_set(["face_landmarks", "face_blendshapes"])
    assert one == lock.model_set(["face_blendshapes", "face_landmarks", "face_landmarks"])
    assert one != lock.model_set(["face_landmarks"])
    assert len(one) == 64
