"""Two clocks: what a question took, and what a clock leaves out, is no offset."""

import pytest

from wince.serve.checks.clock import finding
from wince.serve.checks.finding import State


@pytest.mark.parametrize(
    ("theirs", "exact", "state", "said"),
    [
        (1001.0, 0.0, State.OK, "within"),
        (1004.0, 0.0, State.OK, "within"),
        (1009.5, 0.0, State.WARNING, "7.5 s behind the EHR"),
        (990.0, 0.0, State.WARNING, "10.0 s ahead of the EHR"),
        (1007.2, 0.5, State.OK, "within"),
        (1090.0, 0.5, State.MISSING, "87.5 s behind the EHR"),
        (0.0, 0.0, State.MISSING, "1000.0 s ahead of the EHR"),
    ],
)
def test_offset(theirs, exact, state, said):
    """Asked at 1000 s, answered at 1002 s."""
    found = finding("the EHR", theirs, 1000.0, 1002.0, exact)
    assert found.state is state
    assert said in found.found
