"""A protocol with a site's models: what is found, what is missing or does not fit, and where faces may not go."""

import os
from dataclasses import replace

import grpc
import pytest

from tests.face_models import fetched
from tests.support.certificates import Authority
from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from tests.support.oip import OipServer
from wince.domain.clip import Clip
from wince.errors import ConfigError, ModelFileError, ProtocolError
from wince.models import fetch
from wince.models.site import known, site_folder
from wince.pipeline.estimate.interface import ClipScorer
from wince.protocols.loader import load
from wince.serve import chain, hosted_ensemble, protocols, scoring, scoring_ensemble
from wince.serving.config import ServingSettings
from wince.serving.pack import pack
from wince.settings import Settings
from wince.settings import load as load_settings

CLASSES = ("none", "mild", "moderate", "severe")


@pytest.fixture
def models(tmp_path):
    """A models folder: the fetched ones, and a site's own for `postoperative`."""
    fetched()
    folder = tmp_path / "models"
    folder.mkdir()
    for file in fetch.cache_folder().iterdir():
        if file.is_file():
            os.link(file, folder / file.name) if os.stat(file).st_dev == os.stat(folder).st_dev else (folder / file.name).symlink_to(file)
    write(site_folder(folder) / "postoperative-vgg16.onnx", 4, 1)
    return folder


def test_a_site_s_file_is_all_that_a_protocol_needs(models):
    """By the settings, embedded; its model set changes with the file."""
    rules = load("postoperative")
    settings = Settings(models_dir=models, protocol="postoperative")
    assert protocols.default(settings).name == "postoperative"
    assert "postoperative-vgg16" in known(models)
    first = scoring.scorer(rules, models)
    assert [one.name for one in first.members()] == ["postoperative-vgg16"]
    assert scoring.personal(rules) is None
    assert chain.build(settings, [rules]).model_set == scoring.model_set(rules, models) == first.model_set
    write(site_folder(models) / "postoperative-vgg16.onnx", 4, 2)
    assert scoring.scorer(rules, models).model_set != first.model_set


def test_members_that_do_not_fit_are_named(models):
    rules = load("postoperative")
    write(site_folder(models) / "postoperative-vgg16.onnx", 3, 1)
    with pytest.raises(ModelFileError, match="instead of") as caught:
        scoring.scorer(rules, models)
    assert caught.value.field == "postoperative-vgg16"
    for name in ("neonatal-vgg16-fer2013", "neonatal-resnet50-fer2013"):
        write(site_folder(models) / f"{name}.onnx", 2, 1)
    with pytest.raises(ProtocolError, match="there are 2"):
        scoring.scorer(load("neonatal"), models)
    (site_folder(models) / "neonatal-resnet50-fer2013.onnx").unlink()
    assert [one.name for one in scoring.scorer(load("neonatal"), models).members()] == ["neonatal-vgg16-fer2013"]


ICU = ("icu-resnet34", "icu-vgg16", "icu-inceptionv1", "icu-bilstm")


def icu(models, **how):
    for seed, name in enumerate(ICU[:3]):
        write(site_folder(models) / f"{name}.onnx", 3, seed)
    write_clip(site_folder(models) / "icu-bilstm.onnx", 3, 7, **({"frames": 10, "rate_hz": 5} | how))
    return {name: site_folder(models) / f"{name}.onnx" for name in ICU}


def test_a_protocol_with_a_member_that_sees_clips(models, tmp_path):
    """icu: embedded and served it asks by clips of the protocol's length and rate; files and archives of others are named."""
    rules, files = load("icu"), icu(models)
    clip = Clip(("icu-bilstm",), 10, 5.0)
    scorer = scoring.scorer(rules, models)
    assert isinstance(scorer, ClipScorer)
    assert scorer.clip == clip
    assert [one.name for one in scorer.members()] == list(ICU)
    archive, _ = pack("icu", "1.0", files, load("icu").estimate.classes, tmp_path / "store", clip=clip)
    serving = ServingSettings(target="127.0.0.1:1", manifest=archive.with_suffix(".json"))
    served = scoring.scorer(rules, models, serving)
    assert isinstance(served, ClipScorer)
    assert (served.clip, served.model_set) == (clip, scorer.model_set)
    for how in ({"frames": 8}, {"rate_hz": 2.5}):
        files = icu(models, **how)
        with pytest.raises(ModelFileError, match="was trained on clips of") as caught:
            scoring.scorer(rules, models)
        assert caught.value.field == "icu-bilstm"
        other = Clip(("icu-bilstm",), how.get("frames", 10), how.get("rate_hz", 5.0))
        archive, _ = pack("icu", f"{other.frames}", files, rules.estimate.classes, tmp_path / "store", clip=other)
        with pytest.raises(ModelFileError, match="was packed for clips of") as caught:
            scoring.scorer(rules, models, serving.model_copy(update={"manifest": archive.with_suffix(".json")}))
        assert caught.value.field == "serving.manifest"
        archive.unlink()


def test_a_server_instead_of_files(models, tmp_path):
    """The model set is the embedded one's; no file of the site's is needed; nothing is asked while it is built."""
    rules = load("postoperative")
    files = {"postoperative-vgg16": site_folder(models) / "postoperative-vgg16.onnx"}
    archive, _ = pack("postoperative", "1.0", files, CLASSES, tmp_path / "store")
    serving = ServingSettings(target="127.0.0.1:1", manifest=archive.with_suffix(".json"))
    embedded = scoring.scorer(rules, models)
    files["postoperative-vgg16"].unlink()
    assert scoring.scorer(rules, models, serving).model_set == scoring.model_set(rules, models, serving) == embedded.model_set
    assert protocols.default(Settings(models_dir=models, protocol="postoperative", serving=serving)).name == "postoperative"
    with pytest.raises(ModelFileError, match="not what protocol 'infant'"):
        scoring.scorer(load("infant"), models, serving)


def test_what_is_set_wrong_is_said(models, tmp_path):
    """No manifest; faces in clear over the network; a rate at which no window has a grade; an unknown key."""
    rules = load("postoperative")
    files = {"postoperative-vgg16": site_folder(models) / "postoperative-vgg16.onnx"}
    archive, _ = pack("postoperative", "1.0", files, CLASSES, tmp_path / "store")
    good = ServingSettings(target="10.1.2.3:7070", manifest=archive.with_suffix(".json"))
    for serving, field in (
        (good.model_copy(update={"manifest": None}), "serving.manifest"),
        (good, "serving.target=10.1.2.3:7070"),
        (good.model_copy(update={"target": "127.0.0.1:1", "rate_hz": 1.0}), "serving.rate_hz"),
        (good.model_copy(update={"ca_file": tmp_path / "absent.pem"}), f"serving.ca_file={tmp_path / 'absent.pem'}"),
    ):
        with pytest.raises(ConfigError) as caught:
            scoring.scorer(rules, models, serving)
        assert caught.value.field == field
        assert caught.value.remedy
    scoring.scorer(rules, models, good.model_copy(update={"insecure_target_beyond_loopback": True}))
    slower = replace(rules, window=replace(rules.window, min_share=0.2))
    scoring.scorer(slower, models, good.model_copy(update={"target": "127.0.0.1:1", "rate_hz": 1.0}))


def test_a_server_behind_the_hospitals_own_authority(tmp_path):
    """It is believed by the file that is set, and no other is."""
    ours, others = Authority(tmp_path), Authority(tmp_path, "others")
    certificate, key = ours.issue("localhost", "127.0.0.1")
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    with OipServer(None, "x", "1", credentials=credentials) as server:
        for authority, believed in ((ours, True), (others, False)):
            with scoring_ensemble.client(ServingSettings(target=server.target, ca_file=authority.file)) as client:
                assert client.live() is believed


def test_settings_by_the_environment(monkeypatch):
    monkeypatch.setenv("WINCE_SERVING__TARGET", "127.0.0.1:7071")
    monkeypatch.setenv("WINCE_SERVING__PREFIX", "inference")
    loaded = load_settings().serving
    assert (loaded.target, loaded.prefix) == ("127.0.0.1:7071", "inference")
    monkeypatch.setenv("WINCE_SERVING__TARGET", "http://somewhere")
    with pytest.raises(ConfigError, match="pattern"):
        load_settings()


def test_nothing_is_hosted_without_members_or_beside_a_server(models, tmp_path):
    """And without TorchServe the remedy is named."""
    settings = Settings(models_dir=models, serving=ServingSettings(python=tmp_path / "python"))
    assert hosted_ensemble.hosted(settings, [load("activity")], tmp_path) is None
    elsewhere = settings.model_copy(update={"serving": ServingSettings(target="127.0.0.1:1")})
    assert hosted_ensemble.hosted(elsewhere, [load("postoperative")], tmp_path) is None
    with pytest.raises(ConfigError) as caught:
        hosted_ensemble.hosted(settings, [load("postoperative")], tmp_path)
    assert "make serving" in caught.value.remedy
