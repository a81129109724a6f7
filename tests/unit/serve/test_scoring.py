"""A chain takes its models from the folder that the settings name, and from no other."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.face_models import fetched
from wince.errors import ModelFileError, ProtocolError
from wince.models import activity, fetch
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.estimate.readers import Reader
from wince.protocols.loader import load
from wince.serve import chain, scoring
from wince.settings import Settings


def test_models_come_from_the_folder_that_is_set(tmp_path, monkeypatch):
    """With the models in the user's cache an empty folder still holds none; a filled one serves when the default holds none."""
    fetched()
    filled = fetch.cache_folder()
    rules = load("activity")
    with pytest.raises(ModelFileError) as error:
        chain.build(Settings(models_dir=tmp_path), [rules])
    assert "wince models fetch" in error.value.remedy
    monkeypatch.setenv("WINCE_MODELS_DIR", str(tmp_path))
    assert chain.build(Settings(models_dir=filled), [rules]) is not None
    with pytest.raises(ModelFileError):
        scoring.scorer(rules)


def test_crops_are_encoded_only_where_a_scorer_looks_at_them(monkeypatch):
    fetched()
    activity, members = load("activity"), load("neonatal")
    models, seen = load_face_models(), []
    monkeypatch.setattr(chain, "load_face_models", lambda *_: models)
    monkeypatch.setattr(chain, "reader", lambda _, protocol: Reader(protocol.name, SimpleNamespace(model_set=""), 0))
    monkeypatch.setattr(chain, "Chain", lambda _models, cuts, *_: seen.append(cuts))
    for protocols in ([activity], [members], [activity, replace(members, detect=replace(activity.detect, max_yaw=10.0))]):
        chain.build(Settings(), protocols)
    assert [[cut.encoded for cut in cuts] for cuts in seen] == [[False], [True], [False, True]]


def test_the_model_set_is_known_without_loading_a_model(monkeypatch):
    """From hashes alone it is the scorer's, and the personal model's."""
    fetched()
    rules, other = load("activity"), load("infant")
    scorer, personal = scoring.scorer(rules), scoring.personal(rules)
    monkeypatch.setattr(activity, "load", lambda: pytest.fail("a model was loaded"))
    assert scoring.model_set(rules) == scorer.model_set
    assert scoring.personal_model_set(rules) == personal.model_set
    assert scoring.personal_model_set(other) == ""
    with pytest.raises(ProtocolError):
        scoring.personal_model_set(replace(rules, estimate=replace(rules.estimate, scorer="oracle")))
