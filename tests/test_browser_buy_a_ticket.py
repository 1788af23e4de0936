"""The game *Buy a ticket* in a browser: it computes what was measured, is played by keyboard, and shuts nobody out."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Watched, chromium, laid_out

from lthlib.book import buy_a_ticket, moons

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
PAGE = "book/buy-a-ticket.html"
LOADED = ("moons.js", "buy-a-ticket.js", "buy-a-ticket-data.js", "buy-a-ticket.css", "explorer.css")
PICTURES = ("buy-a-ticket.png", "buy-a-ticket-narrow.png")


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def html(browser, tmp_path_factory):  # no book without a browser to see it
    """This page and those that it links to, with chapters of one line."""
    return laid_out(ROOT, tmp_path_factory.mktemp("book") / "stage")


@contextmanager
def opened(browser, home, **options):
    """The page, on which nothing may go wrong and from which no request may leave; without motion, which takes time."""
    options = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **options}
    with browser.new_context(**options) as context:
        page = context.new_page()
        watched = Watched(page, home)
        page.goto(f"{home}/{PAGE}")
        page.wait_for_selector("#ticket-game:not([hidden])")
        yield page
        assert watched.complaints() == []


@pytest.fixture
def page(browser, html):
    """From disk."""
    with opened(browser, html.as_uri()) as page:
        yield page


@pytest.fixture(scope="module")
def found():
    return buy_a_ticket.read(ROOT)


def begin(page, seed, bet="ticket"):
    page.locator(f"input[name=bet][value={bet}]").check()
    page.locator("#lb-bet button").click()
    page.locator("#lb-seed").fill(str(seed))
    page.locator("#lb-seed").press("Tab")


def press(page, label):
    """The one big button, which must say this."""
    button = page.locator("#lb-go")
    assert button.inner_text() == label
    button.press("Enter")
    page.wait_for_function("!/Skip|Stop/.test(document.getElementById('lb-go').textContent)", timeout=120_000)


def race(page):
    press(page, "Prune the smallest fifth")
    press(page, "Rewind and race")


def numbers(text):
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?", text)]


# --------------------------------------------------------------------------------------------------------------- values


def test_the_script_computes_what_python_measured(browser, found):
    """All rounds of two seeds: steps, right answers and counts, not one of which may differ."""
    played = """seed => {
      const game = new LTH_MOONS.Seed(seed);
      const found = { left: [], ticket: [], new: [] };
      for (;;) {
        while (!game.ticket.done) game.step();
        found.left.push(LTH_MOONS.count(game.masks));
        found.ticket.push(game.ticket.result);
        found.new.push(game.fresh && game.fresh.result);
        if (game.round === LTH_MOONS.ROUNDS) return found;
        game.prune();
      }
    }"""
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "book/_static/moons.js")
    for place in (6, 99):
        seen = page.evaluate(played, found["seeds"][place])
        assert seen["left"] == found["left"]
        for arm in ("ticket", "new"):
            assert seen[arm] == [results and results[place] for results in found[arm]], arm
    page.close()


def test_a_game_shows_the_measured_seed_and_the_hundred(page, found):
    begin(page, 3)
    press(page, "Train the whole network")
    assert page.locator("#lb-told-ticket").inner_text() == told(found["ticket"][0][2])
    assert page.locator("#lb-board").is_hidden(), "nobody has raced"
    race(page)
    assert page.locator("#lb-told-ticket").inner_text() == told(found["ticket"][1][2])
    assert page.locator("#lb-told-fresh").inner_text() == told(found["new"][1][2])
    assert numbers(page.locator("#lb-now").inner_text())[:3] == [3, found["left"][1], found["left"][0]]

    hundred, own = buy_a_ticket.summary(found)["levels"][1], one(found, 1, 2)
    rows = page.locator("#lb-score tbody tr")
    cells = [rows.nth(i).locator("td").all_inner_texts() for i in range(6)]
    for i, level in ((0, own), (1, hundred)):
        for row, of in ((cells[i], "first"), (cells[2 + i], "better")):
            assert [int(n) for n in row] == [level[of][lane] for lane in ("ticket", "even", "fresh")]
        right = [numbers(text)[0] for text in cells[4 + i] if text]
        expected = [100 * level["mean"][lane] / moons.POINTS for lane in ("ticket", "fresh")]
        assert right == pytest.approx(expected, abs=0.0501)
    verdict = page.locator("#lb-verdict").inner_text()
    assert verdict.startswith("You bet on the ticket.")
    assert f"{hundred['first']['ticket']} times in 100" in verdict
    page.wait_for_timeout(100)
    assert verdict in page.locator("#lb-live").inner_text(), "it is said to who does not see it"


def told(result):
    step, right = result
    goal = "never at 95 %" if step is None else f"95 % after {step} steps"
    return f"{100 * right / moons.POINTS:.1f} % right · {goal}"


def one(found, n, place):
    """The summary of a single seed at one level."""
    alone = {arm: [results and [results[place]] for results in found[arm]] for arm in ("ticket", "new")}
    return buy_a_ticket.summary({"left": found["left"], **alone})["levels"][n]


def test_more_games_are_added_and_can_be_stopped(page):
    begin(page, 3)
    assert page.locator("#lb-ten").is_disabled(), "there is no race yet"
    press(page, "Train the whole network")
    race(page)
    page.locator("#lb-ten").click()
    page.wait_for_function("/^[2-9] of ten/.test(document.getElementById('lb-now').textContent)", timeout=120_000)
    page.locator("#lb-go").click()
    page.wait_for_function("document.getElementById('lb-go').textContent !== 'Stop'")
    games = numbers(page.locator("#lb-score tbody tr b").first.inner_text())
    assert 3 <= games[0] <= 11
    counts = page.locator("#lb-score tbody tr").first.locator("td").all_inner_texts()
    assert sum(map(int, counts)) == games[0]
    page.locator("#lb-new").click()
    assert page.locator("#lb-go").inner_text() == "Train the whole network"


# --------------------------------------------------------------------------------------------------------- every reader


def test_it_moves_where_motion_is_wanted_and_skips_when_asked(browser, html):
    with opened(browser, html.as_uri(), reduced_motion="no-preference") as page:
        begin(page, 3)
        page.locator("#lb-go").click()
        assert page.locator("#lb-go").inner_text() == "Skip ahead"
        page.wait_for_timeout(300)
        assert "right" in page.locator("#lb-told-ticket").inner_text()
        page.locator("#lb-go").click()
        page.wait_for_function("document.getElementById('lb-go').textContent.startsWith('Prune')", timeout=60_000)


def test_the_keyboard_is_enough(page):
    page.locator("input[name=bet]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert page.locator("input[name=bet][value=fresh]").is_checked()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "lb-go", "the next thing to press has the focus"
    outline = page.locator("#lb-go").evaluate("b => getComputedStyle(b).outlineStyle")
    assert outline == "solid", "which is seen"
    seen = []
    for _ in range(3):
        seen.append(page.evaluate("document.activeElement.id"))
        page.keyboard.press("Tab")
    assert seen == ["lb-go", "lb-seed", "lb-new"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_overflows_and_nobody_is_shut_out(browser, html, width, scheme):
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(browser, html.as_uri(), **look) as page:
        axe = {"preload": False}  # style sheets, which it may not read from disk
        for played in (False, True):
            if played:
                begin(page, 3)
                press(page, "Train the whole network")
                race(page)
                page.locator("details.lb-hundred summary").click()
            assert page.evaluate("document.documentElement.scrollWidth") == width
            parts = "canvas:visible, svg:visible, table:visible, button:visible"
            for part in page.locator("#ticket-game").locator(parts).all():
                box = part.bounding_box()
                assert box["x"] >= 0, part
                assert box["x"] + box["width"] <= width, part
            violations = Axe().run(page, context="article", options=axe).response["violations"]
            serious = [v for v in violations if v["impact"] in ("serious", "critical")]
            assert serious == [], [(v["id"], v["nodes"][0]["html"]) for v in serious]
        for part in page.locator("#ticket-game").locator("canvas, svg").all():
            assert len(part.get_attribute("aria-label")) > 40


def test_without_scripts_the_hundred_are_there(browser, html):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{html.as_uri()}/{PAGE}")
        assert page.locator("#ticket-game").is_hidden()
        assert "scripts are off" in page.locator("article").inner_text()
        page.locator("details.lb-hundred summary").click()
        page.locator("details.lb-hundred img").scroll_into_view_if_needed()
        assert page.locator("details.lb-hundred img").bounding_box()["height"] > 100
        assert page.locator(".lb-levels tbody tr").count() == moons.ROUNDS


def test_without_its_script_it_says_so(browser, html):
    page = browser.new_page()
    page.route("**/moons.js", lambda route: route.abort())
    page.goto(f"{html.as_uri()}/{PAGE}")
    page.wait_for_selector("#ticket-game:not([hidden])")
    assert "could not be loaded" in page.locator("#ticket-game").inner_text()
    page.close()


def test_all_that_it_loads_is_small():
    files, pictures = (
        [(ROOT / "book/_static" / name).stat().st_size for name in names] for names in (LOADED, PICTURES)
    )
    assert sum(files) + max(pictures) < 100_000, "a window shows one of the two pictures"
