"""The real face models for tests: fetched once into the cache, skipped visibly where there is neither cache nor network."""

import pytest

from wince.errors import Unavailable
from wince.models.fetch import fetch
from wince.models.lock import FACE_MODELS
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import FaceModels


def fetched() -> None:
    """Skip the calling test where the models can't be had."""
    try:
        fetch(FACE_MODELS)
    except Unavailable as error:
        pytest.skip(f"needs the face models ({error.message})")


def face_models(full_range: bool = True) -> FaceModels:
    """A set of models for the calling thread."""
    fetched()
    return load_face_models(full_range)
