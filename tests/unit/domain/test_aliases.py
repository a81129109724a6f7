"""Several numbers of one person: which stands for the others."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from wince.domain.aliases import survivors
from wince.domain.census import Kind, Link
from wince.domain.stay import Identifier


def one(name: str) -> Identifier:
    return Identifier("urn:x", name)


def link(old: str, new: str, known: int) -> Link:
    return Link(Kind.PERSON, one(old), one(new), known, known)


def stands(*links: Link) -> dict[str, str]:
    return {old.value: new.value for old, new in survivors(links).items()}


def test_a_chain_is_followed_to_its_end_in_whichever_order_it_was_told() -> None:
    assert stands(link("A", "B", 1), link("B", "C", 2)) == {"A": "C", "B": "C", "C": "C"}
    assert stands(link("B", "C", 1), link("A", "B", 2)) == {"A": "C", "B": "C", "C": "C"}


def test_a_merge_the_wrong_way_round_is_turned_and_one_told_twice_changes_nothing() -> None:
    assert stands(link("A", "B", 1), link("B", "A", 2)) == {"A": "A", "B": "A"}
    assert stands(link("A", "B", 1), link("A", "B", 2)) == {"A": "B", "B": "B"}


def test_a_given_up_number_that_is_merged_again_takes_its_own_with_it() -> None:
    assert stands(link("A", "B", 1), link("A", "C", 2)) == {"A": "C", "B": "C", "C": "C"}


drawn = st.builds(link, st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), st.integers(0, 50))


@settings(max_examples=200, deadline=None)
@given(st.lists(drawn, max_size=8), st.randoms(use_true_random=False))
def test_links_decide_by_when_they_were_known(links: list[Link], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(links)
    random.shuffle(shuffled)
    found = survivors(links)
    assert survivors(shuffled) == found
    assert all(found[survivor] == survivor for survivor in found.values()), "who stands for others stands for itself"
    groups: list[set[Identifier]] = []
    for a, b in ((x.old, x.new) for x in links):
        touched = [group for group in groups if group & {a, b}]
        groups = [group for group in groups if group not in touched] + [set().union({a, b}, *touched)]
    for left, right in itertools.combinations(found, 2):
        assert (found[left] == found[right]) == any({left, right} <= group for group in groups)
