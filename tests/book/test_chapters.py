"""What a chapter asks for is checked before anything is trained, and it gets exactly the rows it asked for."""

import base64
import dataclasses
import json
import re

import pandas as pd
import pytest

from lthlib import specs
from lthlib.book import chapters, claim_tables, notes, tables
from lthlib.errors import SpecError, StoreError
from lthlib.evidence import ledger
from lthlib.evidence.curves import summarise
from lthlib.evidence.levels import known
from lthlib.evidence.verdicts import VERDICTS
from tests.rows import make_rows

TINY = {"iterations": 20, "rounds": 1, "trials": 1, "arms": ["ticket", "reinit"], "device": "cpu"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A book's folder to work in."""
    (tmp_path / "_toc.yml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commit(home, name, **changes):
    """Put synthetic rows among the committed results."""
    spec = specs.spec("lenet", "paper", **changes)
    rows = make_rows(iterations=spec.iterations, key=specs.key(spec), rounds=3).assign(spec=specs.as_json(spec))
    (home / "results").mkdir(exist_ok=True)
    rows.to_parquet(home / "results" / f"lenet-{specs.key(spec)}.parquet")
    return specs.key(spec)


def test_a_chapter_gets_the_rows_it_asked_for_and_no_others(home, monkeypatch):
    more = chapters.experiment("lenet", store="kept", **{**TINY, "trials": 2}).rows()
    assert sorted(more["trial"].unique()) == [0, 1]
    (home / "book").mkdir()
    monkeypatch.chdir(home / "book")  # where Jupyter would execute it
    monkeypatch.setattr("lthlib.lab.task.training", None)  # nothing is left to train
    one = chapters.experiment("lenet", store="kept", **TINY)
    assert one.rows()["trial"].unique().tolist() == [0]
    masks = one.ticket_masks("fc1.weight")
    assert {n: int(m.sum()) for n, m in masks.items()} == {0: 235_200, 1: 188_160}


def test_published_draws_the_largest_committed_experiment(home):
    commit(home, "small", iterations=5_000)
    large = commit(home, "large", iterations=20_000)
    rows = chapters.experiment("lenet", "published").rows()
    assert set(rows["key"]) == {large}


def test_published_has_no_masks_to_look_at(home):
    with pytest.raises(SpecError, match="choose quick, laptop or paper"):
        chapters.experiment("lenet", "published").ticket_masks("fc1.weight")


def test_published_without_results_says_what_to_do(home):
    with pytest.raises(StoreError, match="no results of lenet are committed yet: run the chapter with another profile"):
        chapters.experiment("lenet", "published").rows()


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        ("unknown profile 'fast'", {"profile": "fast"}),
        ("trials must be a whole number, not '3'", {"trials": "3"}),
        ("iterations must be at least 1", {"iterations": 0}),
        ("leave out rounds", {"profile": "published", "rounds": 3}),
        ("leave out scheduler", {"profile": "published", "scheduler": "tcp://127.0.0.1:8786"}),
        ("the device 'cuda:77' is not available", {"device": "cuda:77"}),
        ("the device '3' is not available", {"device": 3}),
        ("store must be the path of a folder, not ''", {"store": ""}),
    ],
)
def test_bad_parameters_are_one_line_before_training(home, words, parameters):
    with pytest.raises(SpecError, match=words) as error:
        chapters.experiment("lenet", **parameters)
    assert "\n" not in str(error.value)
    assert error.value._render_traceback_() == [f"SpecError: {error.value}"]


OWN = "profile: str = 'quick'  # sizes\ntrials: int = None\nstore: str = 'shelf'"
CHECK = "from lthlib.book import chapters\nchapters.check_parameters(globals())"


def kernel(*cells, **names):
    """The globals() of a kernel that has executed these cells, as far as a chapter looks at them."""
    return {"_ih": ["", *cells], "chapters": chapters, "Path": object, "helper": print, "half": 0.5, **names}


@pytest.mark.parametrize(
    "cells",
    [
        (OWN, CHECK),
        (OWN, "# Parameters\ntrials = 3\n", CHECK),
        (f"get_ipython().run_cell_magic('time', '', {OWN!r})\n", "# Parameters\ntrials = 3\n", CHECK),
        (OWN, "trails = 3", "half = trials / 2", CHECK),  # somebody's own cells
        ("# Parameters\ntrails = 3\n", OWN, CHECK),  # of a notebook that was there before
        (OWN, "# Parameters\ntrails = 3\n", CHECK, OWN, "# Parameters\ntrials = 3\n", CHECK),  # mended
        (OWN, "# Parameters\ntrails = 3\n", CHECK, "# Parameters\ntrials = 3\n", CHECK),
        (OWN, "this is no Python", CHECK),
        (OWN, CHECK, "mine: int = 7"),
    ],
)
def test_whatever_a_live_kernel_holds_is_no_parameter(cells):
    chapters.check_parameters(kernel(*cells, experiment="of the last time", trials=3))


@pytest.mark.parametrize(
    "cells",
    [
        (OWN, "# Parameters\ntrails = 3\n", CHECK),
        (OWN, "# Parameters\ntrials = 1\ntrails = 3\n", CHECK),
        (
            OWN,
            "%%time is no Python",
            "# Parameters\ntrails = 3",
            f"get_ipython().run_cell_magic('time', '', {CHECK!r})\n",
        ),
        (OWN, "# Parameters\ntrials = 3\n", CHECK, OWN, "# Parameters\ntrails = 3\n", CHECK),
        (OWN, CHECK, "mine: int = 7", OWN, "# Parameters\ntrails = 3\n", CHECK),
    ],
)
def test_a_parameter_that_no_cell_declares_is_refused(cells):
    with pytest.raises(SpecError, match="unknown parameter 'trails'; choose from profile, trials, store") as error:
        chapters.check_parameters(kernel(*cells, trails=3))
    assert "\n" not in str(error.value)


def test_where_no_cell_says_what_is_declared_nothing_is_refused():
    chapters.check_parameters({"trials": 3})
    chapters.check_parameters(kernel("trials = 3", CHECK))


def test_published_refuses_stale_results_and_says_which_figures_and_why(home, monkeypatch):
    key = commit(home, "old")
    file = home / "results" / f"lenet-{key}.parquet"
    fresh = pd.read_parquet(file)

    def refused(why, rows):
        rows.to_parquet(file)
        with pytest.raises(
            StoreError, match=f"no figures of Lenet-300-100 .* {key}: .*{why}.*; run and export"
        ) as error:
            chapters.experiment("lenet", "published").rows()
        assert "\n" not in str(error.value)

    refused("different data", fresh.assign(data_sha256=[f"{n:064}" for n in fresh["trial"]]))
    refused("not that of the experiment", fresh.assign(spec=specs.as_json(specs.spec("lenet", seed=5))))
    monkeypatch.setattr(specs, "RESULTS_VERSION", specs.RESULTS_VERSION + 1)
    refused("made by version 1 of the results, this library makes version 2", fresh)


def test_a_scheduler_trains_instead_of_this_machine(home, monkeypatch):
    asked = chapters.experiments("conv2", CONV, trials=1, rounds=1, scheduler="tcp://127.0.0.1:1", device="cuda")[
        "conv2"
    ]
    with pytest.raises(SpecError, match="no Dask scheduler answers at tcp://127.0.0.1:1"):
        asked.rows()  # which device there is, the workers know


def test_a_page_names_the_trainings_it_draws_and_how_it_was_executed(home):
    rows = chapters.together(make_rows(rounds=2, key="a" * 12), make_rows(network="conv2", rounds=1, key="b" * 12))
    notebook = kernel(OWN, CHECK, "mine: int = 7", profile="quick", trials=None, store="shelf of somebody", mine=7)
    shown = chapters.provenance(rows, notebook)
    assert shown.frame["experiment"].tolist() == ["a" * 12, "b" * 12]
    counted = rows.groupby("key").apply(lambda e: len(e.drop_duplicates(["arm", "trial", "round", "draw"])))
    assert shown.frame["trainings"].tolist() == counted.tolist()
    assert shown.frame["network"].tolist() == ["Lenet-300-100", "Conv-2"]
    for words in (", by python 3", "torch 2", "with profile = 'quick'."):
        assert words in shown.caption
    assert "somebody" not in shown.caption
    assert shown.notes[0].startswith(
        "lth run lenet --profile paper --rounds 2 --arms ticket,reinit --reinits 1. On a CPU, "
    )
    part = chapters.provenance(rows[(rows["arm"] == "ticket") | (rows["trial"] == 0)], {})
    assert "--reinits 1 (25 trainings; 17 of them are here). On" in part.notes[0]
    page = shown._repr_html_()
    held = re.search(r'download="a{12}.json" href="data:application/json;base64,([^"]+)"', page)[1]
    assert specs.key(specs.from_json(base64.b64decode(held).decode())) == specs.key(specs.spec("lenet"))
    assert chapters.provenance(rows.iloc[:0], notebook).frame.empty
    assert (
        ", with profile = 'laptop', trials = 2."
        in chapters.provenance(rows, {**notebook, "profile": "laptop", "trials": 2}).caption
    )


def test_a_page_that_is_executed_again_takes_its_time_from_there(home, monkeypatch):
    monkeypatch.setattr(chapters, "BEGUN", chapters.time.monotonic() - 7_200)  # when its kernel was started
    rows, notebook = make_rows(rounds=1), kernel(OWN, CHECK)
    assert " in 2.0 h, by" in chapters.provenance(rows, notebook).caption
    chapters.check_parameters(notebook)
    assert " in 0 s, by" in chapters.provenance(rows, notebook).caption


def test_no_page_shows_stale_results(home, monkeypatch):
    commit(home, "old")
    assert len(chapters.results("published"))
    monkeypatch.setattr(specs, "RESULTS_VERSION", specs.RESULTS_VERSION + 1)
    with pytest.raises(StoreError, match="no figures of Lenet-300-100 from the committed results"):
        chapters.results("published")


def test_results_are_the_stores_or_the_committed_ones(home):
    commit(home, "committed")
    assert chapters.results("quick", "store").empty
    assert len(chapters.results("published"))
    with pytest.raises(SpecError, match="unknown profile"):
        chapters.results("fast")


CONV = specs.CONVOLUTIONAL


def test_several_networks_are_several_experiments_of_one_table(home):
    tiny = {"profile": "quick", "trials": 1, "rounds": 1, "iterations": 4, "device": "cpu", "store": "kept"}
    found = chapters.experiments("conv2, conv4", CONV, arms="ticket", **tiny)
    assert list(found) == ["conv2", "conv4"]
    rows = chapters.all_rows(found)
    assert rows.groupby("network")["key"].nunique().to_dict() == {"conv2": 1, "conv4": 1}
    assert set(rows["arm"]) == {"ticket"}
    assert chapters.left_out("conv2, conv4", found, CONV) is None


def test_published_leaves_out_networks_without_committed_results_and_says_so(home):
    found = chapters.experiments("conv2,conv4,conv6", CONV, "published")
    assert found == {}
    assert "No results of Conv-2, Conv-4 and Conv-6 are committed yet, so nothing is drawn" in (
        chapters.left_out("conv2,conv4,conv6", found, CONV)._repr_markdown_()
    )
    rows = chapters.all_rows(found)
    assert rows.empty
    assert summarise(rows).empty
    rows = make_rows(network="conv2", rounds=2, every=1000, key=None)
    (home / "results").mkdir(exist_ok=True)
    rows.to_parquet(home / "results" / f"conv2-{rows['key'].iloc[0]}.parquet")
    found = chapters.experiments("conv2,conv4", CONV, "published")
    assert set(chapters.all_rows(found)["network"]) == {"conv2"}
    note = chapters.left_out("conv2,conv4", found, CONV).text
    assert note.startswith("No results of Conv-4 are committed yet, so they are left out below")


def test_networks_of_other_chapters_are_left_to_them_and_that_is_said():
    found = chapters.experiments("vgg19,lenet,conv2", CONV)
    assert list(found) == ["conv2"]
    note = chapters.left_out("vgg19,lenet,conv2", found, CONV)
    assert note.text == "This page is not about VGG-19 and Lenet-300-100."
    assert chapters.left_out("conv2", found, CONV) is None


def test_no_network_is_no_experiment_and_is_said():
    assert chapters.experiments("", CONV) == {}
    assert "without any network" in chapters.left_out("", {}, CONV).text


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        ("this chapter is not about the network 'lanet'; choose from conv2, conv4, conv6", {"networks": "lanet"}),
        ("this is a list of names with commas between them, not 3", {"networks": 3}),
        ("this is a list of names with commas between them", {"networks": "conv2", "arms": ["ticket"]}),
        ("unknown setting 'dropuot' of conv2; choose from dropout", {"networks": "conv2", "setting": "dropuot"}),
        ("unknown parameter 'warm'", {"networks": "conv2", "variation": {"warm": 3}}),
        ("unknown arm 'tickets'", {"networks": "conv2", "arms": "tickets"}),
        ("leave out arms", {"networks": "conv2", "arms": "ticket", "profile": "published"}),
    ],
)
def test_bad_names_are_one_line(home, words, parameters):
    with pytest.raises(SpecError, match=words) as error:
        chapters.experiments(known=CONV, **parameters)
    assert "\n" not in str(error.value)


def test_lists_in_parameters_are_read_or_refused_in_one_line():
    assert chapters.settings("lr0.1, warmup", "vgg19") == ["lr0.1", "warmup"]
    assert (chapters.settings("", "vgg19"), chapters.scopes("layer"), chapters.numbers("")) == ([], ["layer"], [])
    assert chapters.numbers("5000,0") == [0, 5_000]
    for words, read in {
        "unknown setting 'lr1' of vgg19; choose from lr0.1, lr0.01, warmup": lambda: chapters.settings("lr1", "vgg19"),
        "unknown scope 'all'; choose from layer, global": lambda: chapters.scopes("all"),
        "whole numbers with commas between them, not '1k'": lambda: chapters.numbers("1k"),
    }.items():
        with pytest.raises(SpecError, match=words):
            read()


def test_a_published_chapter_draws_the_setting_it_asks_for(home):
    (home / "results").mkdir(exist_ok=True)
    drawn = {}
    for setting, iterations in ((None, 20_000), ("dropout", 60_000)):
        one = {"trials": 1, "rounds": 1, "arms": ("ticket",), "network": "conv2", "key": None}
        rows = make_rows(iterations=iterations, setting=setting, **one)
        drawn[setting] = rows["key"].iloc[0]
        rows.to_parquet(home / "results" / f"conv2-{drawn[setting]}.parquet")
    assert drawn[None] != drawn["dropout"]
    for setting, key in drawn.items():
        found = chapters.experiments("conv2,conv4", CONV, "published", setting=setting)
        assert set(chapters.all_rows(found)["key"]) == {key}
    assert chapters.experiments("conv2", CONV, "published", setting="dropout", variation={"scope": "global"}) == {}


def test_rows_of_several_tables_are_put_together_once():
    rows = make_rows(trials=1, rounds=1, arms=("ticket",))
    both = chapters.together(rows, rows.head(0), rows)
    assert len(both) == len(rows)
    assert chapters.together().empty


def test_tables_show_the_numbers_of_the_rows():
    rows = make_rows(trials=3, rounds=3, arms=("ticket", "reinit"))
    trainings = summarise(rows)
    shown = tables.rounds(rows)
    assert "Means over 3 trials" in shown.caption
    line = shown.frame[(shown.frame["arm"] == "ticket") & (shown.frame["round"] == 2)].iloc[0]
    expected = trainings[(trainings["arm"] == "ticket") & (trainings["round"] == 2)]
    assert line["early stop (iteration)"] == f"{expected['es'].mean():,.0f}"
    assert line["weights remaining (%)"] == "64.1"
    scale = tables.scale(rows)
    assert scale.frame.set_index("arm").loc["ticket", "trainings"] == 12
    assert rows["key"].iloc[0] in scale.caption


def test_the_dense_network_stands_beside_the_papers():
    rows = make_rows(trials=5, rounds=1, arms=("ticket",))
    shown = tables.dense(rows).frame.set_index("dense network")
    assert shown.loc["early stop (iteration)", "paper: mean"] == "4,401"
    assert shown.loc["test accuracy there (%)", "paper: mean"] == "97.93"
    trainings = summarise(rows)
    ours = trainings.loc[trainings["round"] == 0, "es"]
    assert shown.loc["early stop (iteration)", "our trials"] == f"{ours.min():,.0f} to {ours.max():,.0f}"
    assert "not worse" in tables.dense(make_rows(trials=2, rounds=1, arms=("ticket",), data="mnist5k")).caption


def test_the_dense_convolutional_networks_stand_beside_the_papers():
    for network, stop, accuracy in (
        ("conv2", "2,321", "65.66"),
        ("conv4", "2,701", "73.70"),
        ("conv6", "3,341", "77.13"),
    ):
        rows = make_rows(network=network, trials=2, rounds=1, arms=("ticket",), every=1000)
        shown = tables.dense(rows)
        assert "not worse" not in shown.caption
        assert shown.frame["paper: mean"].tolist() == [stop, accuracy]
        assert specs.NAMES[network] in shown.frame.columns[0]
    copy = tables.dense(rows.assign(data="cifar10_jpeg")).caption
    assert "The paper's are on CIFAR-10: these are other numbers, not worse ones." in copy


def test_scalings_of_the_inputs_are_compared_on_the_same_trials_and_in_nothing_else():
    """Rows of a library that did not know a field yet are at its default; another recipe is not compared."""
    kind = {"network": "conv2", "rounds": 1, "arms": ("ticket",), "every": 500}
    runs = {
        name: make_rows(**kind, trials=trials, key=name.ljust(12, "0"), inputs=name)
        for name, trials in (("raw", 3), ("unit", 2), ("channel", 2))
    }
    older = json.loads(runs["raw"]["spec"].iloc[0])
    del older["rewind"], older["sigma"]
    runs["raw"] = runs["raw"].assign(spec=json.dumps(older))
    other = make_rows(**kind, trials=1, key="f" * 12, inputs="standard", lr=1e-3)
    shown = tables.inputs(pd.concat([*runs.values(), other]), "conv2")
    dense = {name: summarise(rows[(rows["round"] == 0) & (rows["trial"] < 2)]) for name, rows in runs.items()}
    lines = shown.frame.set_index("inputs")
    assert set(lines.index) == {*(specs.INPUTS[name] for name in runs), "the paper's trials"}
    for name, trainings in dense.items():
        assert lines.loc[specs.INPUTS[name], "early stop (iteration)"] == f"{trainings['es'].mean():,.0f}"
        assert lines.loc[specs.INPUTS[name], "within the paper's trials"] == "early stop and accuracy"
    assert "n = 2" in shown.caption
    slow = runs["unit"].assign(val_loss=-runs["unit"]["iteration"], test_acc=80.0)
    shown = tables.inputs(pd.concat([runs["raw"], slow]), "conv2").frame.set_index("inputs")
    assert shown.loc[specs.INPUTS["unit"], "within the paper's trials"] == "neither"


def test_gaps_are_those_of_each_trial_against_its_own_dense_network():
    rows = make_rows(trials=5, rounds=12, arms=("ticket",), every=1000)
    pruned = rows["round"] > 0
    rows = rows.assign(train_acc=rows["trial"] + 90.0 + 2 * pruned, test_acc=rows["trial"] + 80.0 + 0.5 * pruned)
    shown = tables.gaps(summarise(rows)).frame.set_index("weights remaining (%)")
    assert shown.loc["21.1", ["train accuracy (points)", "test accuracy (points)", "gap (points)"]].tolist() == [
        "+2.00",
        "+0.50",
        "+1.50",
    ]
    assert shown.loc["21.1", "95 % interval of the gap"] == "+1.50 to +1.50"
    assert shown.index.tolist() == ["51.3", "21.1", "13.5", "7"], "levels that were not run are left out"
    few = tables.gaps(summarise(rows[rows["trial"] < 2])).frame
    assert few["95 % interval of the gap"].str.startswith("too few trials").all()


def test_what_is_inside_tickets_as_a_table():
    lines = [
        {
            "trial": trial,
            "round": n,
            "remaining": left,
            "layer": layer,
            "quantity": "rank",
            "x": float("nan"),
            "value": v,
        }
        for trial, shift in ((0, 0.0), (1, 0.2))
        for n, left in ((4, 41.05), (8, 16.88), (9, 13.5))
        for layer, v in (("fc1.weight", 0.1 + shift), ("out.weight", 0.5 + shift))
        if (trial, n) != (1, 8)
    ]
    shown = tables.inside(pd.DataFrame(lines), {"rank": "rank correlation"})
    assert shown.frame["weights remaining (%)"].tolist() == ["41.0", "16.9"]
    assert shown.frame["hidden layer 1"].tolist() == ["0.2 (0.1 to 0.3)", "0.1"]
    assert shown.frame["output layer"].tolist() == ["0.6 (0.5 to 0.7)", "0.5"]
    assert shown.caption == "Means over 1 to 2 trials, and from the smallest to the largest."


def test_the_ledgers_table_has_a_row_for_each_test_and_escapes():
    tests = ledger.ledger(pd.DataFrame(make_rows()))
    tests.loc[0, "statement"] = "a < b"
    shown = claim_tables.ledger(tests)
    assert len(shown.frame) == len(tests)
    page = shown._repr_html_()
    assert "a &lt; b" in page
    assert page.count("<tr>") >= len(tests)
    l3 = tests.set_index("id").loc["L3"]
    assert f"n = {l3['n']}" in page
    assert "nan" not in page
    counted = claim_tables.verdicts(tests).frame
    assert counted["tests"].sum() == len(tests)
    assert {v.split(" ", 1)[1] for v in shown.frame["verdict"]} == set(tests["verdict"])


def test_a_few_claims_in_short_are_those_of_the_ledger():
    tests = ledger.ledger(make_rows(trials=3))
    short = claim_tables.brief(tests, ["L7", "C1"])
    l7 = tests.set_index("id").loc["L7"]
    value, low, high = (known(l7[name], l7["low"], l7["high"], 1) for name in ("value", "low", "high"))
    assert short.frame["here"].tolist() == [f"{value} x [{low} to {high}], n = 3"]
    assert short.frame["verdict"].tolist() == [f"● {l7['verdict']}"]
    assert short.frame["its figure"].tolist() == ["2.16 x"]
    assert "50,000 iterations" in short.caption
    nothing = claim_tables.brief(tests, ["C1"])
    assert (nothing.caption, nothing.frame["verdict"].tolist()) == ("Not run yet.", ["– not run"])
    assert notes.tally(tests).text == f"**So far**: {ledger.headline(tests)}"


def test_every_verdict_has_a_shape_of_its_own():
    assert set(claim_tables.SHAPES) == set(VERDICTS)
    assert len(set(claim_tables.SHAPES.values())) == len(VERDICTS)


def test_all_pages_ask_one_judge(home):
    """A page's verdicts are those of the whole ledger: it is judged on all rows there are, not on what it draws."""
    spec = specs.spec("lenet", "paper")
    rows = make_rows(iterations=spec.iterations, key=specs.key(spec), rounds=10).assign(spec=specs.as_json(spec))
    (home / "results").mkdir()
    rows.to_parquet(home / "results" / f"lenet-{specs.key(spec)}.parquet")
    whole = chapters.ledger("published").set_index(["id", "part"])
    for page in ("02-fully-connected", "07-inside-tickets"):
        own = chapters.ledger("published", page=page).set_index(["id", "part"])
        assert len(own)
        pd.testing.assert_series_equal(own["verdict"], whole.loc[own.index, "verdict"])
    assert "holds" in set(whole["verdict"])


def test_costs_are_trainings_times_pace_where_it_was_timed(home):
    alone = chapters.costs(["lenet"])  # nobody has timed anything
    assert alone.frame["trainings"].tolist() == ["180", "435", "1,625"]
    assert not [name for name in alone.frame if name.startswith("about")]
    rows = [{"network": "lenet", "precision": "fp32", "ours_ms": 2.0, "processes": 1}]
    record = {"machine": {"device": "CPU", "cores": 1}, "speed": rows}
    (home / "results").mkdir()
    (home / "results" / "bench-one.json").write_text(json.dumps(record))
    costs = chapters.costs(["lenet"], arms="ticket").frame
    hours = 5 * 29 * 50_000 * 2e-3 / 3600
    assert costs["about, on 1 core of CPU"].tolist() == ["minutes", "52 min", f"{hours:.1f} h"]
    both = chapters.costs(["conv2", "conv4"], [None, "dropout"], "ticket", quick=["conv2"], variations=[{"lr": 1e-3}])
    lines = both.frame[["profile", "network", "trainings", "iterations of each"]].to_numpy().tolist()
    assert lines[:2] == [["quick", "Conv-2", "10", "150"], ["quick", "Conv-2", "20", "450"]]
    assert ["paper", "Conv-4", "135", "25,000"] in lines
    assert ["paper", "Conv-4", "270", "75,000"] in lines
    assert chapters.costs(["vgg19"]).frame["about, on 1 core of CPU"].tolist() == ["minutes", "not timed", "not timed"]


def test_the_status_says_how_much_of_the_paper_each_experiment_is():
    parts = [
        make_rows(trials=2, rounds=3, arms=("ticket",), key="a" * 12),
        make_rows(trials=4, rounds=0, arms=("ticket",), key="a" * 12),
    ]
    small = {"network": "conv2", "setting": "dropout", "iterations": 6_000, "inputs": "unit", "key": "b" * 12}
    rows = chapters.together(*parts, make_rows(trials=1, rounds=1, arms=("ticket",), **small))
    shown = tables.status(summarise(rows))
    assert shown.frame["network"].tolist() == ["Lenet-300-100", "Conv-2 with dropout"]
    assert shown.frame["trials"].tolist() == ["2 of 5", "1 of 5"]
    assert shown.frame["rounds"].tolist() == ["3 of 28", "1 of 22"]
    assert shown.frame["trainings"].tolist() == [10, 2]
    assert shown.notes[0].endswith("at the paper's settings.")
    assert shown.notes[1].endswith("at 6,000 iterations, not 60,000; with inputs unit, the paper raw.")


def test_a_network_of_ones_own_is_shown_like_the_papers(home):
    own = make_rows(trials=1, rounds=2, arms=("ticket",), key="a" * 12)
    spec = specs.as_json(dataclasses.replace(specs.spec("lenet"), network="mine", data="sketches"))
    own = own.assign(network="mine", spec=spec, data="sketches")
    both = chapters.together(own, make_rows(trials=1, rounds=1, arms=("ticket",), key="b" * 12))
    assert chapters.provenance(both, {}).frame["network"].tolist() == ["mine", "Lenet-300-100"]
    assert "of your own" in chapters.provenance(both, {}).notes[0]
    shown = tables.status(summarise(both))
    assert shown.frame["network"].tolist() == ["mine", "Lenet-300-100"]
    assert shown.notes[0] == f"{'a' * 12}, on a CPU until 2026-01-01: not one of the paper's networks."


@pytest.mark.parametrize("arm", ["oneshot", specs.OPENING])
def test_an_experiment_that_was_broken_off_early_is_shown_too(arm):
    rows = make_rows(trials=1, rounds=1, arms=("ticket", "oneshot"))
    rows = rows[rows["arm"] == "oneshot"] if arm == "oneshot" else rows[rows["round"] == 0].assign(arm=arm)
    assert len(chapters.provenance(rows, {}).frame) == 1
    assert tables.status(summarise(rows)).frame["rounds"].tolist() == ["0 of 28"]


def test_code_shown_is_code_that_runs():
    from lthlib.core import tickets

    assert chapters.branches().text.startswith("BRANCHES")
    assert chapters.branches().text.count("Arm(") == len(specs.BRANCHES) - len(specs.NOISE) + 1
    assert "def find_winning_tickets" in chapters.code(tickets.find_winning_tickets)._repr_markdown_()
