"""Builds the scorer of a protocol whose members the site trained: from files in the process, or on a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import grpc

from wince.domain.clip import Clip
from wince.domain.loopback import loopback
from wince.errors import ConfigError, ModelFileError, ProtocolError
from wince.models import activity, lock
from wince.models.ensemble import Ensemble, member_hash
from wince.models.site import site_folder, site_models
from wince.pipeline.estimate.activity import load_activity_scorer
from wince.pipeline.estimate.ensemble import ClipEnsembleScorer, EnsembleScorer, Members
from wince.pipeline.estimate.ration import Ration
from wince.pipeline.estimate.served import ServedMembers
from wince.protocols.rules import ClinicalProtocol
from wince.serving import manifest as manifests
from wince.serving.client import OipClient
from wince.serving.config import ServingSettings, read


def member_names(protocol: ClinicalProtocol, present: dict[str, Path]) -> list[str]:
    """The members; of candidates the one that is there. Raises ProtocolError where several candidates are there."""
    estimate = protocol.estimate
    names = [member.name for member in estimate.members]
    if not estimate.choose:
        return names
    chosen = [name for name in names if name in present]
    if len(chosen) != 1:
        what = f"protocol {protocol.name!r} keeps the best of its candidates; there are {len(chosen)}"
        raise ProtocolError(what, field="estimate.members", remedy="leave one of them in the folder of the site's models")
    return chosen


def clip_of(protocol: ClinicalProtocol, names: Sequence[str]) -> Clip | None:
    """What those of the members `names` look at that see clips; None where none does."""
    clip = protocol.clip
    seers = tuple(name for name in names if clip is not None and name in clip.members)
    return replace(clip, members=seers) if clip is not None and seers else None


def ensemble_scorer(protocol: ClinicalProtocol, models_dir: Path | None = None, serving: ServingSettings | None = None) -> EnsembleScorer:
    """The scorer. Raises ModelFileError, ProtocolError or ConfigError, by name, where something is missing or wrong."""
    estimate = protocol.estimate
    members: Members
    if serving is not None and serving.target is not None:
        manifest = _manifest(protocol, serving)
        clip = manifest.clip
        members = ServedMembers(client(serving), manifest)
        digests, ration = list(manifest.members.values()), _ration(protocol, serving)
    else:
        files = _files(protocol, models_dir)
        clip = clip_of(protocol, list(files))
        members = embedded = Ensemble(files, len(estimate.classes), estimate.fusion, estimate.weights, clip)
        digests, ration = list(embedded.hashes.values()), None
    smiles = load_activity_scorer(models_dir)
    model_set = _model_set(protocol, digests)
    if clip is not None:
        return ClipEnsembleScorer(members, smiles, protocol.scale, estimate.classes, model_set, clip, ration)
    return EnsembleScorer(members, smiles, protocol.scale, estimate.classes, model_set, ration)


def ensemble_model_set(protocol: ClinicalProtocol, models_dir: Path | None = None, serving: ServingSettings | None = None) -> str:
    """`model_set` (hex) of `ensemble_scorer`, from hashes alone: no model is loaded, no server asked. Raises as that does."""
    if serving is not None and serving.target is not None:
        return _model_set(protocol, _manifest(protocol, serving).members.values())
    return _model_set(protocol, [member_hash(name, file) for name, file in _files(protocol, models_dir).items()])


def _model_set(protocol: ClinicalProtocol, members: Iterable[str]) -> str:
    """`members`: sha256 (hex) of each."""
    locked = {*protocol.estimate.models, "face_landmarks", "face_blendshapes"}
    return lock.set_id([*(lock.find(name).sha256 for name in locked), activity.sha256(), *members])


def _manifest(protocol: ClinicalProtocol, serving: ServingSettings) -> manifests.Manifest:
    """The set's manifest. Raises ConfigError where none is set, ModelFileError where it is of another protocol."""
    if serving.manifest is None:
        raise ConfigError("is not set", field="serving.manifest", remedy="name the JSON file that `wince lab pack` wrote")
    manifest = manifests.read(serving.manifest)
    _fits(manifest, protocol)
    return manifest


def _files(protocol: ClinicalProtocol, models_dir: Path | None) -> dict[str, Path]:
    """By member, where it lies or would lie."""
    present = site_models(models_dir)
    return {name: present.get(name, site_folder(models_dir) / f"{name}.onnx") for name in member_names(protocol, present)}


def client(serving: ServingSettings) -> OipClient:
    """A connection to the server that is set. Raises ConfigError where faces would cross the network unprotected."""
    target = serving.target or ""
    if serving.ca_file is not None:
        credentials = grpc.ssl_channel_credentials(read(serving.ca_file, "serving.ca_file"))
        return OipClient(target, prefix=serving.prefix, deadline_s=serving.deadline_s, credentials=credentials)
    if not loopback(target.rpartition(":")[0]) and not serving.insecure_target_beyond_loopback:
        remedy = "set serving.ca_file, ask on 127.0.0.1, or set serving.insecure_target_beyond_loopback"
        raise ConfigError("pictures of faces would cross the network without TLS", field=f"serving.target={target}", remedy=remedy)
    return OipClient(target, prefix=serving.prefix, deadline_s=serving.deadline_s)


def _ration(protocol: ClinicalProtocol, serving: ServingSettings) -> Ration:
    sampled, share = protocol.detect.rate_hz, protocol.window.min_share
    rate = serving.rate_hz if serving.rate_hz is not None else sampled
    if rate < sampled * share:
        what = f"{rate:g} crops a second leave every window without a grade: {protocol.name} needs {sampled * share:g}"
        raise ConfigError(what, field="serving.rate_hz", remedy="raise it, or lower detect.rate_hz in a protocol of the site's own")
    return Ration(rate, serving.budget_s)


def _fits(manifest: manifests.Manifest, protocol: ClinicalProtocol) -> None:
    """What was packed must be what the protocol says."""
    estimate = protocol.estimate
    names = member_names(protocol, {name: Path() for name in manifest.members})
    wanted = (set(names), estimate.classes, estimate.fusion, _weights(names, estimate.weights))
    if (set(manifest.members), manifest.classes, manifest.fusion, _weights(manifest.members, manifest.weights)) != wanted:
        what = f"holds {', '.join(manifest.members)}, which is not what protocol {protocol.name!r} asks for"
        raise ModelFileError(what, field="serving.manifest", remedy="pack it again for this protocol")
    if manifest.clip != (clip := clip_of(protocol, list(manifest.members))):
        what = f"was packed for {_said(manifest.clip)}, protocol {protocol.name!r} has {_said(clip)}"
        raise ModelFileError(what, field="serving.manifest", remedy="pack it again for this protocol")


def _weights(names: Iterable[str], weights: Sequence[float]) -> dict[str, float]:
    return dict(zip(names, weights, strict=False))


def _said(clip: Clip | None) -> str:
    if clip is None:
        return "no clips"
    return f"clips of {clip.frames} crops at {clip.rate_hz:g}/s for {', '.join(clip.members)}"
