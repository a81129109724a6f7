"""What tests that draw corpora need: the head data and an EGL driver."""

from pathlib import Path

import pytest

from tests.shared_data import shared
from wince.errors import DataError, ResourceError
from wince.lab.corpus import plan
from wince.lab.synthesize.gl import Renderer
from wince.lab.synthesize.head import load_head
from wince.models.fetch import path


@pytest.fixture(scope="module")
def head_file() -> Path:
    file = shared("head/ict_head.npz")
    try:
        path("face_landmarks")
        people, stills = plan.plan(40000)
        Renderer(people, load_head(file), stills[0].scene).close()
    except (DataError, ResourceError) as error:
        pytest.skip(f"needs moderngl and an EGL driver ({error})")
    return file
