"""A chain takes its models from the folder that the settings name, and from no other."""

import pytest

from tests.face_models import fetched
from wince.errors import ModelFileError
from wince.models import fetch
from wince.protocols.loader import load
from wince.serve import scoring
from wince.settings import Settings


def test_models_come_from_the_folder_that_is_set(tmp_path, monkeypatch):
    """With the models in the user's cache an empty folder still holds none; a filled one serves when the default holds none."""
    fetched()
    filled = fetch.cache_folder()
    rules = load("activity")
    with pytest.raises(ModelFileError) as error:
        scoring.build(Settings(models_dir=tmp_path), [rules])
    assert "wince models fetch" in error.value.remedy
    monkeypatch.setenv("WINCE_MODELS_DIR", str(tmp_path))
    assert scoring.build(Settings(models_dir=filled), [rules]) is not None
    with pytest.raises(ModelFileError):
        scoring.scorer(rules)
