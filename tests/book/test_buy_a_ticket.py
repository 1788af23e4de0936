"""What the page *Buy a ticket* says of a hundred games is what was measured, and that can be measured again."""

from pathlib import Path

import pytest

from lthlib.book import buy_a_ticket, moons
from lthlib.errors import StoreError

ROOT = Path(__file__).parents[2]
AGAIN = "python -m lthlib.book.buy_a_ticket"


@pytest.fixture(scope="module")
def found():
    return buy_a_ticket.read(ROOT)


def test_two_of_the_hundred_seeds_give_the_same_numbers_again(found):
    seeds = [found["seeds"][0], found["seeds"][-1]]
    again = moons.tickets(seeds, rounds=1)  # trained together, and without the others
    assert again["left"] == found["left"][:2]
    for arm in ("ticket", "new"):
        assert again[arm] == [results and [results[0], results[-1]] for results in found[arm][:2]], arm


def test_all_is_there(found):
    assert found["seeds"] == list(buy_a_ticket.SEEDS)
    assert len(found["left"]) == moons.ROUNDS + 1
    assert found["new"][0] is None, "before anything is pruned new numbers are another network"
    for results in [*found["ticket"], *found["new"][1:]]:
        assert len(results) == len(found["seeds"])
        for step, right in results:
            assert step is None or (0 <= step <= moons.STEPS and step % moons.EVERY == 0)
            assert 0 <= right <= moons.POINTS


def test_page_and_script_say_what_was_measured(found):
    told, text = buy_a_ticket.summary(found), (ROOT / buy_a_ticket.PAGE).read_text(encoding="utf-8")
    assert buy_a_ticket.page(text, told) == text, AGAIN
    assert buy_a_ticket.script(told) == (ROOT / buy_a_ticket.DATA).read_text(encoding="utf-8"), AGAIN


def test_a_summary_counts_who_won():
    ticket, new = [[100, 480], [None, 470], [None, 460], [50, 476]], [[200, 480], [900, 475], [None, 450], [40, 490]]
    told = buy_a_ticket.summary({"left": [320, 260], "ticket": [[[10, 490]] * 4, ticket], "new": [None, new]})
    (level,) = told["levels"][1:]
    assert level["first"] == {"ticket": 1, "even": 1, "fresh": 2}
    assert level["better"] == {"ticket": 1, "even": 1, "fresh": 2}
    assert level["never"] == {"ticket": 2, "fresh": 1}
    assert level["mean"] == {"ticket": 471.5, "fresh": 473.75}
    assert told["whole"] == 490


def test_without_measurements_it_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match="--measure"):
        buy_a_ticket.read(tmp_path)
