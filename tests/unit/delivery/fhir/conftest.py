"""An EHR sandbox that knows the patient and the stay of the samples."""

from collections.abc import Iterator

import pytest

from tests.contract.ehr.samples import MRN, VISIT
from wince.testing.ehr import EhrSandbox


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EhrSandbox]:
    with EhrSandbox(tmp_path_factory.mktemp("ehr")) as running:
        running.seed([MRN], [(VISIT, MRN)])
        yield running
