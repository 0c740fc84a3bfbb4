"""Addresses of breakages: what was published once leads somewhere for ever."""

from __future__ import annotations

from dataclasses import replace

from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from replayed import histories, replayed, snapshot
from samples import addresses

from watchdog.facts.addresses import assign_addresses
from watchdog.facts.downtimes import find_downtimes
from watchdog.model.history import Address, Culprit, History

PASSING = snapshot(0, parser=None, routes=None)
TWO_CAUSES = replayed(
    PASSING,
    snapshot(10, parser="x", routes=None),
    snapshot(20, parser="y", routes=None),
    snapshot(40, parser=None, routes=None),
)


def test_page_survives_another_culprit() -> None:
    """A breakage whose culprit is told better keeps the page that was published first."""
    first, second = TWO_CAUSES.breakages
    better = replace(first, id="ext-1.0--flask-2.0.0", culprit=Culprit("flask", "2.0.0", "1.0.0"))
    history = replace(TWO_CAUSES, breakages=(better, second))
    found = assign_addresses(
        find_downtimes(history), [*addresses(TWO_CAUSES), *addresses(history)[:1]]
    )
    assert found.pages == (first.id,)
    assert found.moved == {second.id: first.id, better.id: first.id}
    assert found.withdrawn == ()


def test_page_survives_an_earlier_beginning() -> None:
    """A breakage that is found to have begun earlier keeps its page."""
    published = addresses(TWO_CAUSES)
    told_later = [replace(published[0], since=day(12)), published[1]]
    found = assign_addresses(find_downtimes(TWO_CAUSES), told_later)
    assert found.pages == (published[0].id,)


def test_later_cause_leads_to_the_whole() -> None:
    """What was told as a breakage of its own leads to the page of the downtime that it is part of.

    That page has the address of the first cause, though the other was published before it.
    """
    first, second = addresses(TWO_CAUSES)
    for published in ([first, second], [second, first]):
        found = assign_addresses(find_downtimes(TWO_CAUSES), published)
        assert found.pages == (first.id,)
        assert found.moved == {second.id: first.id}


def test_address_of_what_is_not_told_any_more() -> None:
    """An address without a downtime at its time is withdrawn; it is not led to another one."""
    before = Address(id="ext-0.9--click-8.0", subject="ext", since=day(5), signature="x")
    other = Address(id="other-0.9--click-8.0", subject="other", since=day(15), signature="x")
    during = Address(id="ext-0.9--python-3.12", subject="ext", since=day(15), signature="z")
    published = [before, other, during, *addresses(TWO_CAUSES)]
    found = assign_addresses(find_downtimes(TWO_CAUSES), published)
    assert found.withdrawn == (before, other)
    assert found.pages == (TWO_CAUSES.breakages[0].id,)
    assert found.moved["ext-0.9--python-3.12"] == found.pages[0]


def test_uses_that_end_at_different_times_have_pages_of_their_own() -> None:
    """One breakage that ended for its uses in turn is two downtimes with two pages."""
    history = replayed(
        PASSING,
        snapshot(10, parser="x", routes="x"),
        snapshot(20, parser=None, routes="x"),
    )
    (breakage,) = history.breakages
    found = assign_addresses(find_downtimes(history), addresses(history))
    assert sorted(found.pages) == ["ext--2025-10-30", breakage.id]
    assert [address.id for address in found.new] == ["ext--2025-10-30"]


def test_new_address_is_never_one_that_was_published() -> None:
    """A page that gets its first address gets none that stands for something else."""
    taken = Address(id="ext--2025-10-30", subject="gone", since=day(0))
    also = Address(id="ext--2025-10-30--parser", subject="gone", since=day(0))
    history = replayed(PASSING, snapshot(10, parser="x", routes=None))
    found = assign_addresses(find_downtimes(history), [taken])
    assert found.pages == ("ext--2025-10-30--parser",)
    found = assign_addresses(find_downtimes(history), [taken, also])
    assert found.pages == ("ext--2025-10-30--parser--2",)


@st.composite
def published_addresses(draw: st.DrawFn) -> list[Address]:
    """Make addresses with different ids, some of them of the two causes."""
    ids = [breakage.id for breakage in TWO_CAUSES.breakages]
    ids += ["ext--2025-10-30", "old-1", "old-2", "old-3"]
    return [
        Address(
            id=id_,
            subject=draw(st.sampled_from(("ext", "ext", "other"))),
            since=day(draw(st.integers(0, 60))),
            signature=draw(st.sampled_from(("", "x", "y", "z"))),
            use=draw(st.sampled_from((None, "parser", "routes"))),
        )
        for id_ in draw(st.lists(st.sampled_from(ids), unique=True))
    ]


@given(st.one_of(st.just(TWO_CAUSES), histories()), published_addresses())
def test_every_address_leads_somewhere(history: History, published: list[Address]) -> None:
    """Pages differ, and each published address is a page, leads to one, or is withdrawn."""
    downtimes = find_downtimes(history)
    found = assign_addresses(downtimes, published)
    assert len(found.pages) == len(set(found.pages)) == len(downtimes)
    withdrawn = {address.id for address in found.withdrawn}
    assert set(found.moved.values()) <= set(found.pages)
    new = {address.id for address in found.new}
    assert set(found.pages) - {address.id for address in published} == new
    assert not set(found.moved) & set(found.pages)
    assert not withdrawn & set(found.pages)
    for address in published:
        places = (address.id in found.pages, address.id in found.moved, address.id in withdrawn)
        assert sum(places) == 1


@given(histories())
def test_addresses_do_not_change_when_told_again(history: History) -> None:
    """The same history told again, with all its pages published, has the same pages."""
    downtimes = find_downtimes(history)
    found = assign_addresses(downtimes, addresses(history))
    again = assign_addresses(downtimes, [*found.new, *addresses(history)])
    assert (again.pages, again.new) == (found.pages, ())
