"""The ticket explorer in a real browser: it answers keyboard and slider, and shows what the rows say."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Watched, chromium, laid_out, served

from lthlib import specs
from lthlib.book import explorer
from lthlib.engine import pruning

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
PAGE = "book/explorer.html"
LAST = len(explorer.read(ROOT / explorer.DATA)["left"]) - 1
SOME = sorted({0, 1, LAST // 3, LAST // 2, LAST - 1, LAST})  # rounds, with and without a network of random sparsity


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def html(browser, tmp_path_factory):  # no book without a browser to see it
    """The book with chapters of one line: the explorer executes nothing, and its links lead somewhere."""
    return laid_out(ROOT, tmp_path_factory.mktemp("book") / "stage")


@contextmanager
def opened(browser, home, **options):
    """The explorer on a page of its own, on which nothing may go wrong and from which no request may leave."""
    with browser.new_context(viewport={"width": 1440, "height": 900}, **options) as context:
        page = context.new_page()
        watched = Watched(page, home)
        page.goto(f"{home}/{PAGE}")
        page.wait_for_selector("#explorer:not([hidden])")
        yield page
        assert watched.complaints() == []


@pytest.fixture
def page(browser, html):
    """From disk."""
    with opened(browser, html.as_uri()) as page:
        yield page


@pytest.fixture(scope="module")
def found():
    return explorer.read(ROOT / explorer.DATA)


@pytest.fixture(scope="module")
def trainings(found):
    """One line per training, from the committed table alone: early stop, accuracy there, and before the first step."""
    rows = pd.read_parquet(ROOT / f"results/lenet-{found['key']}.parquet")
    training = rows.sort_values("iteration").groupby(["arm", "trial", "round", "draw"], observed=True)
    stop = rows.loc[training["val_loss"].idxmin()].set_index(["arm", "trial", "round", "draw"])
    first = training["test_acc"].first()
    return stop.assign(es=stop["iteration"], acc_es=stop["test_acc"], acc_0=first).reset_index()


def turn(page, round):
    page.locator("#lx-round").fill(str(round))


def now(page):
    """Round, rounds, P_m, weights left, weights: as the label says them."""
    text = page.locator("#lx-now").inner_text()
    return [float(n) for n in re.findall(r"[\d.]+", text.replace(",", ""))]


def pixels(page, name, cell=1):
    """What a canvas shows, as an array [rows, columns, 3]: the colour in the middle of each cell."""
    read = """(c, cell) => {
      const image = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      const seen = [];
      for (let y = cell >> 1; y < c.height; y += cell) {
        for (let x = cell >> 1; x < c.width; x += cell) {
          const at = 4 * (c.width * y + x);
          seen.push(...image.slice(at, at + 3));
        }
      }
      return [c.width / cell, seen];
    }"""
    columns, seen = page.locator(f"#lx-{name}").evaluate(read, cell)
    return np.array(seen).reshape(-1, columns, 3)


def numbers(text):
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?", text.replace(",", ""))]


# --------------------------------------------------------------------------------------------------------------- values


def test_the_label_says_round_level_and_count(page, found):
    ladder = pruning.ladder(specs.spec("lenet", rounds=LAST))
    assert page.locator("#lx-round").get_attribute("max") == str(LAST)
    for n in SOME:
        turn(page, n)
        shown = now(page)
        assert shown[:2] == [n, LAST]
        assert shown[2] == pytest.approx(ladder[n], abs=0.051)
        assert shown[3:] == [found["left"][n], found["left"][0]]
        assert f"round {n} of {LAST}" in page.locator("#lx-round").get_attribute("aria-valuetext")


def test_the_table_says_what_the_rows_say(page, found, trainings):
    for n in SOME:
        turn(page, n)
        for arm in explorer.ARMS:
            points = trainings[(trainings["arm"] == arm) & (trainings["round"] == n)]
            row = page.locator(f"#lx-values tr[data-row={arm}]")
            said = row.locator("th").inner_text()
            assert ("not trained" in said) if points.empty else f"{len(points)} trial" in said
            for quantity, exact in {"es": 0.51, "acc_es": 0.00501, "acc_0": 0.0501}.items():
                text, values = row.locator(f"td[data-quantity={quantity}]").inner_text(), points[quantity]
                expected = [] if points.empty else [values.mean(), values.min(), values.max()]
                assert numbers(text) == pytest.approx(expected, abs=exact), (n, arm, quantity)
        own = trainings[(trainings["arm"] == "ticket") & (trainings["trial"] == found["trial"])].set_index("round")
        text = page.locator("#lx-values tr[data-row=own]").locator("td").all_inner_texts()
        expected = [own[q][n] for q in ("es", "acc_es", "acc_0")]
        assert [numbers(t)[0] for t in text] == pytest.approx(expected, abs=0.0501)


def test_layers_say_how_dense_they_are(page, trainings, found):
    own = trainings[(trainings["arm"] == "ticket") & (trainings["trial"] == found["trial"])].set_index("round")
    for n in SOME:
        turn(page, n)
        left, all_of = (json.loads(own["survivors"][k]) for k in (n, 0))
        for name, count in left.items():
            card = page.locator(f"[data-layer='{name}']")
            percent, *counts = numbers(card.locator(".lx-note").inner_text())
            assert counts == [count, all_of[name]]
            assert percent == pytest.approx(100 * count / all_of[name], abs=0.051)
            meter = card.locator(".lx-meter").bounding_box()["width"]
            page.wait_for_timeout(300)  # the bar moves
            filled = card.locator(".lx-meter span").bounding_box()["width"]
            assert filled / meter == pytest.approx(count / all_of[name], abs=0.02)


def ramp(arm, part):
    """White, an arm's colour, its shade: the colours that matplotlib draws the still picture in."""
    from matplotlib.colors import LinearSegmentedColormap

    from lthlib.book.style import ARMS, shade

    colour = ARMS[arm].colour
    scale = LinearSegmentedColormap.from_list(arm, ["#FFFFFF", colour, shade(colour, -0.75)], N=2048)
    return 255 * scale(part)[..., :3]


def test_maps_show_the_counts_of_the_masks(page, found):
    for n in SOME:
        turn(page, n)
        counts = {
            "ticket": explorer.first_layer(found, n).sum(0).reshape(28, 28),
            "random": np.reshape(found["random"]["pixels"][n], (28, 28)),
        }
        most = max(map(np.max, counts.values()))
        for arm, image in counts.items():
            assert pixels(page, f"map-{arm}") == pytest.approx(ramp(arm, image / most), abs=1.5), (arm, n)
        said = page.locator("#lx-map-note").inner_text()
        blank = [int(image.ravel()[found["blank"]].sum()) for image in counts.values()]
        assert numbers(said) == [most, found["units"], len(found["blank"]), *blank]


def test_units_add_up_to_the_layer(page, found):
    for n in (LAST // 2, LAST):
        turn(page, n)
        mask = explorer.first_layer(found, n)
        counts = {"ticket": mask.sum(1), "random": np.array(found["random"]["units"][n])}
        most = max(map(np.max, counts.values()))
        for arm, units in counts.items():
            squares = pixels(page, f"units-{arm}", cell=16).reshape(-1, 3)[: len(units)]
            assert squares == pytest.approx(ramp(arm, units / most), abs=1.5)
        bare = [(units == 0).sum() for units in counts.values()]
        said = page.locator("#lx-unit-note").inner_text().replace("none of", "0 of")
        assert numbers(said) == [bare[0], found["units"], bare[1], most]
    page.locator("#lx-unit").fill(str(found["units"]))
    page.locator("#lx-unit").press("Enter")
    seen = page.evaluate(
        """units => Array.from({length: units}, () => {
             document.getElementById("lx-after").click();
             return document.getElementById("lx-unit-name").textContent;
           })""",
        found["units"],
    )
    assert [numbers(text) for text in seen] == [[unit + 1, count] for unit, count in enumerate(counts["ticket"])]


def test_a_unit_is_shown_connection_by_connection(page, found):
    for n in SOME:
        turn(page, n)
        page.locator("#lx-busiest").click()
        unit = int(explorer.first_layer(found, n).sum(1).argmax())
        assert page.locator("#lx-unit").input_value() == str(unit + 1)
        left = explorer.first_layer(found, n)[unit].reshape(28, 28)
        before = explorer.first_layer(found, n - 1)[unit].reshape(28, 28) if n else left
        shown = pixels(page, "map-unit")
        assert ((shown == (0, 114, 178)).all(-1) == left).all()  # the colour of tickets, everywhere in the book
        assert ((shown == 255).all(-1) == ~before).all()


# ------------------------------------------------------------------------------------------------------------ keyboard


def test_the_slider_answers_the_keyboard(page):
    slider = page.locator("#lx-round")
    slider.focus()
    for key, round in {"Home": 0, "ArrowRight": 1, "ArrowUp": 2, "ArrowLeft": 1, "End": LAST}.items():
        page.keyboard.press(key)
        assert now(page)[0] == round, key
    assert slider.evaluate("s => getComputedStyle(s).outlineStyle") == "solid", "focus is visible"
    page.wait_for_timeout(700)
    assert page.locator("#lx-live").inner_text().startswith(f"Round {LAST}: ")


def test_arrow_keys_turn_rounds_from_anywhere_in_the_explorer(page):
    turn(page, 3)
    page.locator("#lx-busiest").focus()
    page.keyboard.press("ArrowRight")
    assert now(page)[0] == 4
    page.locator("#lx-unit").focus()
    page.keyboard.press("ArrowRight")
    assert now(page)[0] == 4, "a field keeps its own keys"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert now(page)[0] == 4


def test_everything_is_reached_by_tab(page):
    page.locator("#lx-play").focus()
    seen = []
    for _ in range(6):
        seen.append(page.evaluate("document.activeElement.id"))
        page.keyboard.press("Tab")
    assert seen == ["lx-play", "lx-round", "lx-before", "lx-unit", "lx-after", "lx-busiest"]


def test_play_runs_to_the_end_and_begins_again(page):
    play = page.locator("#lx-play")
    turn(page, LAST - 2)
    play.press("Space")
    assert play.inner_text() == "Pause"
    page.wait_for_function("n => document.getElementById('lx-round').valueAsNumber === n", arg=LAST)
    assert play.inner_text() == "Play"
    play.click()
    assert now(page)[0] == 0
    page.wait_for_function("document.getElementById('lx-round').valueAsNumber === 1")
    play.click()
    page.wait_for_timeout(900)
    assert now(page)[0] == 1, "paused"


def test_a_click_into_a_chart_or_a_unit_chooses(page):
    for name in ("es", "acc_es"):
        chart = page.locator(f"#lx-chart-{name}")
        chart.scroll_into_view_if_needed()
        for n in (LAST, LAST // 2):
            turn(page, n)
            marker = chart.locator("path[data-arm=ticket]").bounding_box()
            turn(page, 0)
            page.mouse.click(marker["x"] + marker["width"] / 2, marker["y"] + 3)
            assert now(page)[0] == n, name
    units = page.locator("#lx-units-ticket")
    width = units.bounding_box()["width"] / 18
    units.click(position={"x": 4.5 * width, "y": 2.5 * width})
    assert page.locator("#lx-unit").input_value() == str(2 * 18 + 4 + 1)


# --------------------------------------------------------------------------------------------------------- every reader


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_overflows(page, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for n in (0, LAST):
        turn(page, n)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for part in page.locator("#explorer").locator("canvas, svg[role=img], table, button, input").all():
            box = part.bounding_box()
            assert box["x"] >= 0, part
            assert box["x"] + box["width"] <= width, part
    assert page.locator("html").get_attribute("data-theme") == scheme


def test_pictures_and_fields_have_names(page):
    for part in page.locator("#explorer").locator("canvas, svg[role=img]").all():
        assert len(part.get_attribute("aria-label")) > 40
    fields = page.locator("#explorer").locator("input").evaluate_all("all => all.map(i => i.labels[0]?.textContent)")
    assert fields == ["Round", "Unit"]


def test_less_motion_is_respected(browser, html):
    with opened(browser, html.as_uri(), reduced_motion="reduce") as page:
        bar = page.locator(".lx-meter span").first
        assert bar.evaluate("s => getComputedStyle(s).transitionDuration") == "0s"
        turn(page, 0)
        page.locator("#lx-play").click()
        page.wait_for_timeout(1000)
        assert now(page)[0] == 0, "slower"


def test_without_scripts_there_is_a_still_picture(browser, html, found):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{html.as_uri()}/{PAGE}")
        picture = page.locator("noscript img")
        assert picture.is_visible()
        assert picture.get_attribute("alt") == explorer.still(found).alt
        assert picture.bounding_box()["height"] > 100, "it is loaded"
        assert not page.locator("#explorer").is_visible()


def test_without_data_it_says_so(browser, html):
    with served(html) as address:
        page = browser.new_page()
        page.route("**/explorer-data.js", lambda route: route.abort())
        page.goto(f"{address}/{PAGE}")
        page.wait_for_selector("#explorer:not([hidden])")
        assert page.locator("#explorer").inner_text() == "The explorer's data, explorer-data.js, could not be loaded."
        page.close()


def test_from_a_server_it_is_the_same_and_light(browser, html, found):
    with served(html) as address:
        with browser.new_context() as context:  # nothing is kept from another page
            page, arrived = context.new_page(), []
            page.on("response", lambda response: arrived.append(response))
            page.goto(f"{address}/{PAGE}", wait_until="networkidle")
            sizes = {response.url: len(response.body()) for response in arrived}
            assert any(url.endswith("explorer-data.js") for url in sizes)
            assert sum(sizes.values()) < 3_000_000, sizes
        with opened(browser, address) as page:
            page.locator("#lx-round").press("End")
            assert now(page)[3] == found["left"][LAST]
