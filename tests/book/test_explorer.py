"""The explorer's data are the committed rows, the spec's exact counts, and the masks that were trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lthlib import specs
from lthlib.book import chapters, explorer
from lthlib.engine import arms, pruning
from lthlib.errors import StoreError
from lthlib.lab import store, task
from lthlib.lab.run import run
from lthlib.specs import Rep

ROOT = Path(__file__).parents[2]
AGAIN = "python -m lthlib.book.explorer"


@pytest.fixture(scope="module")
def found():
    return explorer.read(ROOT / explorer.DATA)


@pytest.fixture(scope="module")
def rows():
    return chapters.experiment("lenet", "published").rows()


@pytest.fixture(scope="module")
def spec(found, rows):
    return replace(specs.from_json(rows["spec"].iloc[0]), rounds=len(found["left"]) - 1)


# -------------------------------------------------------------------------------------------------- what is committed


def test_what_is_committed_says_what_the_committed_rows_say(found, rows):
    assert found["key"] == rows["key"].iloc[0]
    measured = json.loads(json.dumps(explorer.measured(rows, found["trial"])))
    assert {name: found[name] for name in measured} == measured, AGAIN


def test_the_page_speaks_of_what_is_committed(found):
    text = (ROOT / explorer.PAGE).read_text(encoding="utf-8")
    assert explorer.page(text, found) == text, AGAIN


def test_counts_are_those_that_follow_from_the_rates(found, spec):
    left = [sum(layer["left"][n] for layer in found["layers"].values()) for n in range(len(found["left"]))]
    assert left == found["left"]
    assert [100 * n / pruning.weights(spec) for n in left] == pruning.ladder(spec)
    assert found["remaining"] == pytest.approx(pruning.ladder(spec))


def test_letters_are_the_masks_of_the_rows(found, rows):
    own = rows[(rows["arm"] == "ticket") & (rows["trial"] == found["trial"])].drop_duplicates("round")
    counts = {row["round"]: json.loads(row["survivors"]) for _, row in own.iterrows()}
    for n, of_layers in counts.items():
        assert {name: layer["left"][n] for name, layer in found["layers"].items()} == of_layers
        mask = explorer.first_layer(found, n)
        assert mask.shape == (found["units"], 784)
        assert mask.sum() == of_layers[explorer.FIRST]


def test_a_random_mask_has_as_many_connections(found):
    for n, left in enumerate(found["layers"][explorer.FIRST]["left"]):
        pixels, units = (np.array(found["random"][name][n]) for name in ("pixels", "units"))
        assert (len(pixels), len(units)) == (784, found["units"])
        assert pixels.sum() == units.sum() == left
        if n:
            assert (pixels != explorer.first_layer(found, n).sum(0)).any()


def test_histograms_count_every_weight_that_is_left(found):
    for layer in found["layers"].values():
        assert [sum(counts) for counts in layer["initial"]] == layer["left"]
        assert all(np.diff(layer["initial"], axis=0).max(axis=1) <= 0), "no bin ever grows"


def test_the_explorer_is_light():
    assert (ROOT / explorer.DATA).stat().st_size < 1_000_000
    assert (ROOT / explorer.STILL).stat().st_size < 200_000


# ------------------------------------------------------------------------------------------------------- how it is made


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A store with a few trainings, its rows, and the random masks that were trained with."""
    spec = specs.spec("lenet", "quick", arms=["ticket", "reinit", "random"], iterations=15, train_eval=50, rounds=2)
    spec = replace(spec, trials=1, branch_step=2, eval_every=10)
    path, trained, scattered = tmp_path_factory.mktemp("store"), {}, arms.scattered

    def note(spec, mask, reps):
        (rep,) = reps
        trained[rep.round] = scattered(spec, mask, reps)
        return trained[rep.round]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arms, "scattered", note)
        run(spec, path, device="cpu", workers=1)
    return spec, store.Store(path), store.Store(path).rows(spec), trained


def test_masks_are_those_that_were_trained(tiny):
    spec, kept, rows, trained = tiny
    found = explorer.made(kept, rows)
    for n in range(spec.rounds + 1):
        mask, _ = task.recall(kept, spec, [Rep("ticket", 0, n)])
        assert (explorer.first_layer(found, n) == (mask[explorer.FIRST][0].numpy() > 0)).all()
    assert set(trained) == {2}
    random = trained[2][explorer.FIRST][0].numpy()
    assert found["random"]["pixels"][2] == random.sum(0).tolist()
    assert found["random"]["units"][2] == random.sum(1).tolist()


def test_values_are_those_of_the_rows(tiny):
    _, kept, rows, _ = tiny
    found = explorer.made(kept, rows)
    assert found["curves"]["random"]["es"][1] is None, "not trained in this round"
    for arm, n in (("ticket", 0), ("ticket", 2), ("reinit", 2), ("random", 2)):
        training = rows[(rows["arm"] == arm) & (rows["round"] == n)].sort_values("iteration")
        stop = training.loc[training["val_loss"].idxmin()]
        assert found["curves"][arm]["es"][n] == {**dict.fromkeys(("mean", "low", "high"), stop["iteration"]), "n": 1}
        assert found["curves"][arm]["acc_es"][n]["mean"] == stop["test_acc"]
        assert found["curves"][arm]["acc_0"][n]["mean"] == training["test_acc"].iloc[0]


def test_what_is_written_is_read_again_and_can_be_shown(tiny, tmp_path):
    _, kept, rows, _ = tiny
    found = explorer.made(kept, rows)
    (tmp_path / "book/_static").mkdir(parents=True)
    (tmp_path / explorer.PAGE).write_text((ROOT / explorer.PAGE).read_text(encoding="utf-8"), encoding="utf-8")
    explorer.write(tmp_path, found)
    assert explorer.read(tmp_path / explorer.DATA) == json.loads(json.dumps(found))
    page = (tmp_path / explorer.PAGE).read_text(encoding="utf-8")
    assert explorer.seen(found) in page
    assert found["scale"] in page
    assert (tmp_path / explorer.STILL).read_bytes().startswith(b"\x89PNG")


def test_another_stores_masks_are_refused(tiny):
    _, kept, rows, _ = tiny
    wrong = rows.assign(survivors=json.dumps({"fc1.weight": 1, "fc2.weight": 1, "out.weight": 1}))
    with pytest.raises(StoreError, match="not those that the rows were measured with"):
        explorer.made(kept, wrong)
    with pytest.raises(StoreError, match="no rows of tickets of trial 7"):
        explorer.made(kept, rows, trial=7)


def test_data_that_cannot_be_read_say_how_they_are_made(tmp_path):
    (tmp_path / "data.js").write_text("nothing")
    with pytest.raises(StoreError, match="make it with python -m lthlib.book.explorer --store STORE"):
        explorer.read(tmp_path / "data.js")
