import pytest
from wince.hospital.memory import MemoryCensus


@pytest.fixture(params=["memory"])
def census(request):
    return MemoryCensus()
