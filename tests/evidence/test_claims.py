"""The ledger: the paper's own curves must give the paper's own numbers, and anything less must say so."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rows import make_deep, make_rows

from lthlib import specs
from lthlib.evidence import claims
from lthlib.evidence.curves import summarise
from lthlib.evidence.verdicts import VERDICTS
from lthlib.specs.columns import ANATOMY, TRAINING

IDS = [f"L{i}" for i in range(1, 12)] + [f"C{i}" for i in range(1, 6)] + ["D1", "D2"]
IDS += [f"{letter}{i}" for letter, n in (("V", 6), ("R", 5)) for i in range(1, n + 1)] + ["A1", "B1", "S1"]
IDS += [f"{letter}{i}" for letter, n in (("G", 6), ("H", 3), ("W", 2), ("F", 7)) for i in range(1, n + 1)]
CONV = {"conv2": 20_000, "conv4": 25_000, "conv6": 30_000}


def sparse(rows):
    """The early stop and the end of every training: all that claims look at, in a hundredth of the rows."""
    training = rows.groupby(TRAINING, observed=True)
    ends = rows["iteration"] == training["iteration"].transform("max")
    return rows[ends | (rows["val_loss"] == training["val_loss"].transform("min"))]


@pytest.fixture(scope="module")
def lenet():
    return sparse(make_rows(arms=("ticket", "reinit", "oneshot"), rounds=20))


@pytest.fixture(scope="module")
def paper_ledger(lenet):
    """The ledger of rows that have the paper's plotted means."""
    conv = [sparse(make_rows(network=n, iterations=i, key=n.ljust(12, "0"))) for n, i in CONV.items()]
    dropped = dict(arms=("ticket",), setting="dropout")
    conv += [
        sparse(make_rows(network=n, iterations=3 * i, key=n.ljust(12, "d"), rounds=20, **dropped))
        for n, i in CONV.items()
    ]
    deep = [make_deep(network, name) for network in specs.DEEP for name in specs.SETTINGS[network]]
    return claims.ledger(pd.concat([lenet, *conv, *deep])).set_index("id")


def line(rows, claim):
    """One claim's line of the ledger."""
    return claims.ledger(rows, [c for c in claims.load() if c["id"] == claim]).iloc[0]


def change(rows, arm, **shift):
    """The same rows with a quantity of one arm shifted, the dense network left alone."""
    where = (rows["arm"] == arm) & (rows["round"] > 0)
    return rows.assign(**{name: rows[name].where(~where, rows[name] + by) for name, by in shift.items()})


# --- the file ---


def test_every_claim_of_the_paper_is_there_once():
    assert sorted(c["id"] for c in claims.load()) == sorted(IDS)


def test_every_claim_has_its_measurement():
    for claim in claims.load():
        assert all("measure" in part for part in claim["parts"]), claim["id"]


def test_every_tolerance_has_its_reason():
    for claim in claims.load():
        for part in claim["parts"]:
            assert len(part["tolerance"]["because"]) > 10, claim["id"]


GOOD = """
- id: X1
  page: claims
  section: "2"
  network: lenet
  statement: Something.
  text: 1
  figure: null
  unit: pp
  direction: about
  tolerance: {within: 1, because: a reason}
  measure: {gain: {at: 13.5}}
"""
BAD = {
    "no 'page'": GOOD.replace("  page: claims\n", ""),
    "no 'unit'": GOOD.replace("  unit: pp\n", ""),
    "no 'id'": GOOD.replace("- id: X1\n  page", "- page"),
    "unknown measure 'gian'": GOOD.replace("gain", "gian"),
    "missing a required argument: 'at'": GOOD.replace("at: 13.5", ""),
    "unexpected keyword argument 'of'": GOOD.replace("at: 13.5", "at: 13.5, of: 3"),
    "unknown direction 'up'": GOOD.replace("about", "up"),
    "needs a reason": GOOD.replace(", because: a reason", ""),
    "share for a range, otherwise within or factor": GOOD.replace("within", "roughly"),
    "needs a number": GOOD.replace("text: 1", "text: some"),
    "given twice": GOOD + GOOD,
    "must be a list": "X1: 3",
    "cannot be read": GOOD + "\n  }",
    "name at least one part": GOOD + "  parts: []\n",
}


def test_a_good_entry_loads(tmp_path):
    (tmp_path / "claims.yml").write_text(GOOD)
    assert [c["id"] for c in claims.load(tmp_path / "claims.yml")] == ["X1"]


@pytest.mark.parametrize("complaint", BAD)
def test_a_malformed_entry_gives_one_clear_line(tmp_path, complaint):
    (tmp_path / "claims.yml").write_text(BAD[complaint])
    with pytest.raises(ValueError, match=r"^claims.yml: ") as error:
        claims.load(tmp_path / "claims.yml")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_gives_one_clear_line(tmp_path):
    with pytest.raises(ValueError, match=r"^claims.yml: cannot be read"):
        claims.load(tmp_path / "claims.yml")


def test_an_installed_package_reads_its_own_copy(tmp_path, monkeypatch):
    assert claims.path() == Path(claims.__file__).parents[2] / "book" / "claims.yml"
    monkeypatch.setattr(claims, "__file__", str(tmp_path / "lthlib" / "claims.py"))
    assert claims.path() == tmp_path / "lthlib" / "claims.yml"


WITHOUT_TORCH = """
import pkgutil, sys

sys.modules["torch"] = None  # to import it is an ImportError
import lthlib.evidence

for module in pkgutil.iter_modules(lthlib.evidence.__path__, "lthlib.evidence."):
    __import__(module.name)
from lthlib import cli

sys.exit(cli.main(["claims", "--json"]))
"""


def test_the_ledger_of_the_committed_results_needs_no_torch():
    root = Path(claims.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [c["id"] for c in printed] == [c["id"] for c in claims.load()]
    assert any(c["n"] for c in printed if c["id"].startswith("L")), "nothing was measured"
    assert any(c["n"] for c in printed if c["id"].startswith("F")), "nothing was looked into"


# --- the paper's curves give the paper's numbers ---


IN_FIGURES = [i for i in IDS if i[0] in "LCDVRA" and i not in ("L9", "L10", "L11", "C4", "V6")]


@pytest.mark.parametrize("claim", IN_FIGURES)
def test_the_papers_own_curves_give_the_figure_column(paper_ledger, claim):
    found = paper_ledger.loc[claim]
    pairs = zip(str(found["ours"]).split(" / "), str(found["figure"]).split(" / "), strict=True)
    for ours, figure in pairs:
        if "–" not in (ours, figure):  # what has not been run, or not been read
            assert float(ours) == pytest.approx(float(figure), rel=0.01, abs=0.006)


def test_one_shot_tickets_win_at_the_levels_of_the_papers_figure(paper_ledger):
    assert paper_ledger.loc["L10", "ours"].endswith("67.6 to 20.2")
    assert paper_ledger.loc["L11", "ours"] == "95.0 to 90.0, 85.0 to 7.7"


def test_tickets_gain_at_the_end_of_training_as_in_the_papers_figure(paper_ledger):
    assert paper_ledger.loc["C4", "ours"].split(" / ")[1::2] == ["4.47", "3.01", "3.37"]


def test_where_text_and_figure_differ_the_ledger_says_which_is_nearer(paper_ledger):
    for claim, figure in (("L1", "19.5"), ("L2", "6.95"), ("L7", "2.16")):
        assert f"nearer to the figure's {figure}" in paper_ledger.loc[claim, "why"]


def test_all_measured_lenet_claims_hold_on_the_papers_curves(paper_ledger):
    assert set(paper_ledger.loc[[i for i in IDS if i[0] == "L"], "verdict"]) == {"reproduced"}


def test_a_claim_about_several_networks_is_partly_reproduced_until_all_have_run(paper_ledger, lenet):
    found = line(lenet, "A1")
    assert found["verdict"] == "partly"
    assert "VGG-19: not run yet" in found["why"]
    assert paper_ledger.loc["A1", "verdict"] == "reproduced"
    assert line(lenet[lenet["arm"] == "ticket"], "C1")["verdict"] == "not run yet"


# --- what is measured, against naive loops ---


def toy(stops, arm="ticket", level=0, accuracy=90.0, draw=0):
    """Trainings of 10,000 iterations that stop at the given iterations, one per trial."""
    rows = make_rows(trials=1, rounds=0, arms=("ticket",), iterations=10_000)
    remaining = {0: 100.0, 7: 21.07, 9: 13.52}[level]
    out = []
    for trial, es in enumerate(stops):
        loss = (rows["iteration"] - es).abs() / 1e4
        own = dict(arm=arm, trial=trial, round=level, draw=draw, val_loss=loss, test_acc=accuracy + trial / 10)
        out.append(rows.assign(remaining=remaining, **own))
    return pd.concat(out)


def test_ratio_of_means_and_mean_of_ratios_are_both_given():
    found = line(pd.concat([toy([1000, 9000]), toy([500, 9000], level=7)]), "L1")
    assert found["ours"] == pytest.approx(100 * (1 - 9500 / 10_000))  # 5 %
    assert "mean of the trials' own ratios 25" in found["why"]
    assert (found["low"], found["high"], found["n"]) == (0, 50, 2)


def test_draws_of_a_reinit_are_averaged_before_trials_are_compared():
    rows = [toy([2000, 2000]), toy([1000, 1000], level=7)]
    rows += [toy([1500, 4000], "reinit", 7, draw=0), toy([2500, 6000], "reinit", 7, draw=1)]
    found = line(pd.concat(rows), "L7")
    assert found["ours"] == pytest.approx(3.5)
    assert (found["low"], found["high"], found["n"]) == (2, 5, 2)


def test_only_trials_that_hold_both_sides_are_compared():
    rows = pd.concat([toy([1000, 2000, 9000]), toy([500, 1000], level=7)])
    found = line(rows, "L1")
    assert (found["ours"], found["n"]) == (pytest.approx(50), 2)


def test_gains_are_paired_trial_by_trial(lenet):
    t = summarise(lenet)
    dense = t[(t["arm"] == "ticket") & (t["round"] == 0)].set_index("trial")["acc_es"]
    ticket = t[(t["arm"] == "ticket") & (t["round"] == 9)].set_index("trial")["acc_es"]
    differences = [ticket[i] - dense[i] for i in range(5)]
    found = line(lenet, "L3")
    assert found["ours"] == pytest.approx(np.mean(differences))
    assert (found["low"], found["high"]) == (pytest.approx(min(differences)), pytest.approx(max(differences)))


# --- verdicts ---


def test_a_ticket_no_better_than_its_reinit_is_not_reproduced(lenet):
    rows = change(lenet, "ticket", test_acc=-1.0)
    assert line(rows, "L8")["verdict"] == "not reproduced"
    assert line(rows, "L3")["verdict"] == "not reproduced"
    assert line(rows, "L11")["verdict"] == "reproduced"  # the one-shot arm was left alone


def test_arms_swapped_turn_the_comparison_round(lenet):
    pruned = lenet["round"] > 0
    swapped = lenet.assign(
        arm=lenet["arm"].where(~pruned, lenet["arm"].replace({"ticket": "reinit", "reinit": "ticket"}))
    )
    assert line(swapped, "L7")["verdict"] == "not reproduced"
    assert line(swapped, "L7")["ours"] == pytest.approx(1 / line(lenet, "L7")["ours"])


def test_a_one_sided_claim_may_be_exceeded_a_two_sided_one_not(lenet):
    rows = change(lenet, "ticket", test_acc=0.8)
    assert line(rows, "L3")["verdict"] == "reproduced"
    assert line(rows, "L8")["verdict"] == "partly"
    assert "the direction holds" in line(rows, "L8")["why"]


def test_a_range_that_holds_nowhere_is_not_reproduced(lenet):
    found = line(change(lenet, "oneshot", test_acc=-2.0), "L11")
    assert (found["verdict"], found["ours"]) == ("not reproduced", "nowhere")


def test_one_trial_reproduces_no_effect_smaller_than_the_papers_trial_range():
    found = line(make_rows(trials=1, rounds=16), "L1")
    assert (found["verdict"], found["n"]) == ("partly", 1)
    assert "one trial" in found["why"]


def test_from_few_trials_there_is_no_bootstrap_interval():
    assert "95 % bootstrap interval" in line(make_rows(trials=5, rounds=16), "L3")["why"]
    assert "bootstrap" not in line(make_rows(trials=4, rounds=16), "L3")["why"]


# --- what the rows lack, and the scale they were run at ---


@pytest.mark.parametrize("rows", [pd.DataFrame(), make_rows(trials=1, rounds=0, arms=("ticket",)).head(0)])
def test_without_rows_nothing_has_been_run(rows):
    found = claims.ledger(rows)
    assert found["id"].tolist() == [c["id"] for c in claims.load()]
    assert set(found["verdict"]) == {"not run yet"}
    assert (found["n"] == 0).all()
    assert found["why"].str.len().gt(0).all()


def test_too_few_rounds_are_said_to_be_missing():
    rows = make_rows(trials=2, rounds=5)
    assert line(rows, "L1")["verdict"] == "not run yet"
    assert "ticket at P_m 21.1 % (nearest 32.87 %)" in line(rows, "L1")["why"]
    assert "down to P_m 3.6 %" in line(rows, "L2")["why"]


def test_an_arm_that_was_not_run_is_said_to_be_missing():
    rows = make_rows(trials=2, rounds=9, arms=("ticket",))
    assert line(rows, "L7")["why"] == "needs the arm reinit"
    assert line(rows, "L10")["why"] == "needs the arm oneshot"
    assert line(rows, "L1")["verdict"] != "not run yet"


def test_a_loss_still_falling_at_the_end_is_no_early_stop():
    found = line(make_rows(trials=3, rounds=9, iterations=1_500), "L1")
    assert found["verdict"] == "not run yet"
    assert "more than 1,500 iterations" in found["why"]


def test_a_network_that_never_learned_gives_no_ratio():
    found = line(pd.concat([toy([0, 0]), toy([500, 900], level=7)]), "L1")
    assert found["verdict"] == "not run yet"


def test_a_reduced_scale_is_said():
    rows = make_rows(trials=3, rounds=16, iterations=15_000, data="mnist5k")
    found = line(rows, "L5")
    assert "at 15,000 iterations, not 50,000" in found["why"]
    assert "on 5,000 MNIST digits, not the full data set" in found["why"]
    assert found["scale"] == "5,000 MNIST digits, 3,500 / 500 / 1,000; 15,000 iterations; 16 rounds; 3 trials"
    assert "not 50,000" not in line(make_rows(trials=2, rounds=9), "L5")["why"]


# --- settings ---


def test_settings_are_compared_at_the_same_scale_only():
    plain = make_rows(network="conv2", iterations=20_000, trials=2, rounds=1, arms=("ticket",), key="a" * 12)
    dropped = dict(network="conv2", trials=2, rounds=1, arms=("ticket",), key="b" * 12, setting="dropout")
    whole, cut = make_rows(iterations=60_000, **dropped), make_rows(iterations=30_000, **dropped)
    assert "Conv-2: reproduced" in line(pd.concat([plain, whole]), "D1")["why"]
    assert "Conv-2: not run yet" in line(pd.concat([plain, cut]), "D1")["why"]
    assert "conv2, dropout and conv2 at the same scale" in line(pd.concat([plain, cut]), "D1")["why"]


def test_tickets_that_lead_at_a_large_rate_refute_the_claim_that_there_are_none():
    better = make_deep("resnet20", "lr0.1", arms=("ticket",), shift=3.0)
    rows = pd.concat([better, make_deep("resnet20", "lr0.1", arms=("reinit",))])
    assert "without warmup: not reproduced" in line(rows, "R5")["why"]
    assert "without warmup: reproduced" in line(make_deep("resnet20", "lr0.1"), "R5")["why"]


# --- comparisons of many settings, against naive loops ---

ADAM = {"5e-5": 5e-5, "2e-4": 2e-4, "8e-4": 8e-4, "0.0012": 1.2e-3, "0.002": 2e-3, "0.0032": 3.2e-3, "0.0064": 6.4e-3}


def family(field, values, shifts, **more):
    """Experiments that differ in a field of their recipe; the accuracy of their tickets is shifted."""
    rows = []
    for i, (value, shift) in enumerate(zip(values, shifts, strict=True)):
        one = sparse(make_rows(trials=2, rounds=20, arms=("ticket",), key=f"{i:012d}", **{field: value}, **more))
        rows.append(change(one, "ticket", val_acc=shift))
    return pd.concat(rows)


def best_ticket(rows, key):
    """The best mean of validation accuracy at early stop over rounds, without the library."""
    rounds = {}
    for (n, _), one in rows[(rows["key"] == key) & (rows["round"] > 0)].groupby(["round", "trial"]):
        rounds.setdefault(n, []).append(one.sort_values(["val_loss", "iteration"])["val_acc"].iloc[0])
    return max(np.mean(accuracies) for accuracies in rounds.values())


@pytest.mark.parametrize("shifts", [[0, 0, 0, 1, 0, 0, 0], [0.3, 0, 0, 0, 0.1, 0, 0]])
def test_the_best_of_the_named_is_compared_with_the_best_of_the_others(shifts):
    rows = family("lr", ADAM.values(), shifts)
    best = {rate: best_ticket(rows, f"{i:012d}") for i, rate in enumerate(ADAM)}
    named = max(best[rate] for rate in ("0.0012", "0.002"))
    others = max(value for rate, value in best.items() if rate not in ("0.0012", "0.002"))
    found = line(rows, "G1")
    assert float(found["ours"].split(" / ")[0]) == pytest.approx(named - others, abs=0.01)
    assert ("best rates: reproduced" in found["why"]) == (named >= others)


def test_tickets_at_every_rate_are_counted():
    found = line(family("lr", ADAM.values(), [-2, 0, 0, 0, 0, 0, 0]), "G1")
    assert float(found["ours"].split(" / ")[1]) == pytest.approx(100 * 6 / 7, abs=0.01)


def test_the_scale_of_a_sweep_is_said_once():
    rows = pd.concat([family("lr", ADAM.values(), np.zeros(7))])
    assert line(rows, "G1")["scale"].startswith("7 settings of MNIST, 55,000 / 5,000 / 10,000; 50,000 iterations; ")
    assert line(rows, "G1")["scale"].count("settings") == 1


def test_how_much_of_a_warmups_gain_comes_early():
    lengths, shifts = (0, 500, 1000, 5000, 10000), (-2.0, -1.5, -1.0, -0.4, -0.2)
    rows = [make_deep("resnet20", "warmup", shift=s, warmup=k) for k, s in zip(lengths, shifts, strict=True)]
    found = line(pd.concat([*rows, make_deep("resnet20", "warmup")]), "W2")
    assert found["ours"].split(" / ")[0] == "80"  # 1.6 of 2.0
    flat = [make_deep("resnet20", "warmup", warmup=k) for k in lengths]
    found = line(pd.concat([*flat, make_deep("resnet20", "warmup")]), "W2")
    assert found["ours"].split(" / ")[0] == "no gain"
    assert "ResNet-20: not reproduced" in found["why"]


def test_a_sweep_that_lacks_a_line_says_which():
    rows = pd.concat([make_deep("resnet20", "warmup"), make_deep("resnet20", "warmup", warmup=0)])
    assert "needs resnet20, warmup 500" in line(rows, "W2")["why"]


def test_an_unfinished_training_is_counted_as_one_if_it_has_the_papers_length():
    short = make_rows(trials=2, rounds=0, arms=("ticket",), iterations=1_500, lr=2.5e-5)
    assert "slowest: not run yet, needs 50,000 iterations" in line(short, "G1")["why"]
    done = make_rows(trials=2, rounds=0, arms=("ticket",), iterations=50_000, lr=2.5e-5)
    assert "slowest: not reproduced" in line(done, "G1")["why"]
    late = done.assign(val_loss=(done["iteration"] - 49_300).abs())  # as in Figure 26
    assert "slowest: reproduced" in line(late, "G1")["why"]


def test_settings_are_compared_on_the_trials_that_both_have():
    glorot = sparse(make_rows(trials=3, rounds=12, arms=("ticket",), key="a" * 12))
    lucky = glorot["trial"].map({0: 0.0, 1: 0.5, 2: 1.0})
    glorot = glorot.assign(val_acc=glorot["val_acc"] + lucky)
    sigma = sparse(make_rows(trials=3, rounds=12, arms=("ticket",), key="b" * 12, sigma=0.1))
    found = line(pd.concat([glorot, sigma[sigma["trial"] == 0]]), "G5")
    assert found["n"] == 1
    assert found["ours"] == pytest.approx(found["low"])
    assert abs(found["ours"]) < 0.2, "not the half point by which the other trials are better"
    assert (
        "a trial run in all settings"
        in line(pd.concat([glorot[glorot["trial"] > 0], sigma[sigma["trial"] == 0]]), "G5")["why"]
    )


def test_what_an_arm_keeps_of_the_tickets_lead():
    rows = sparse(make_rows(trials=2, rounds=16, arms=("ticket", "reinit")))
    tickets = rows[(rows["arm"] == "ticket") & (rows["round"] > 0)]
    reinit = rows[rows["arm"] == "reinit"]
    for arm, same in (("redrawn", tickets), ("redrawn", reinit)):
        found = line(pd.concat([rows, same.assign(arm=arm)]), "F3")["ours"].split(" / ")
        assert float(found[1]) == pytest.approx(100 if same is tickets else 0)
    worse = change(rows, "ticket", test_acc=-5.0)
    found = line(pd.concat([worse, reinit.assign(arm="redrawn")]), "F3")
    assert "of the ticket's lead: not run yet, needs a lead of tickets over reinit" in found["why"]


def inside(rows, **values):
    """An anatomy of these rows' tickets in which a measure of a layer, `positive_fc2`, is one number everywhere."""
    own = rows[rows["arm"] == "ticket"].drop_duplicates(TRAINING)
    own = own[[c for c in ANATOMY if c in own]]
    split = {name: name.rsplit("_", 1) for name in values}
    return pd.concat(
        own.assign(layer=f"{layer}.weight", quantity=quantity, x=np.nan, value=values[name])
        for name, (quantity, layer) in split.items()
    )


SHAPES = {
    "valley_fc1": 1.2,
    "valley_fc2": 0.8,
    "valley_out": 0.5,
    "positive_fc1": 50,
    "positive_fc2": 60,
    "positive_out": 40,
}


def test_what_is_inside_tickets_is_judged_by_their_anatomy():
    adam = sparse(make_rows(trials=2, rounds=10, arms=("ticket",), key="a" * 12))
    sgd = sparse(make_rows(trials=2, rounds=10, arms=("ticket",), key="b" * 12, optimiser="sgd", lr=0.8))
    both = pd.concat([adam, sgd])
    chosen = [c for c in claims.load() if c["id"] in ("F1", "F2", "F5", "F6")]
    bare = claims.ledger(both, chosen)
    assert (bare["verdict"] == "not run yet").all()
    assert "needs the weights of tickets, to look into" in bare["why"][0]
    uneven = {
        f"uneven_{side}_{layer}": 1.0 + (side == "out") for side in ("in", "out") for layer in ("fc1", "fc2", "out")
    }
    ours = inside(adam, **SHAPES, **uneven, valley_out_fc1=0.7, moved_fc1=2.0, moved_fc2=0.5)
    theirs = inside(sgd, **SHAPES, **{name: value / 2 for name, value in uneven.items()})
    found = claims.ledger(both, chosen, pd.concat([ours, theirs])).set_index("id")
    assert found.loc["F1", "verdict"] == "reproduced"
    assert found.loc["F1", "ours"] == "1.2 / 0.8 / 0.5 / 60 / 40"
    assert found.loc["F2", "verdict"] == "partly"
    assert "hidden 1, two peaks: not reproduced" in found.loc["F2", "why"]
    assert "output, positive: not reproduced" in found.loc["F2", "why"]
    assert found.loc["F6", "ours"] == "2 / 2 / 2 / 0.7 / 0.5 / 0.5 / 0.5"
    assert found.loc["F6", "verdict"] == "reproduced"
    assert found.loc["F5", "ours"].startswith("2 / 0.5 / –")
    assert "hidden 2, how far: not reproduced" in found.loc["F5", "why"]


def test_the_ledger_needs_the_anatomy_of_no_other_experiment():
    adam, sgd, slow = (
        make_rows(trials=2, rounds=8, arms=("ticket",), key=letter * 12, **change)
        for letter, change in (("a", {}), ("b", {"optimiser": "sgd", "lr": 0.8}), ("c", {"lr": 2e-4}))
    )
    rows = pd.concat([adam, sgd, slow, make_rows(network="conv2", trials=1, rounds=2, arms=("ticket",), every=1000)])
    assert claims.looked_into(rows) == {"a" * 12, "b" * 12}
    assert claims.looked_into(rows.iloc[:0]) == set()
    every = [inside(one, **SHAPES) for one in (adam, sgd, slow)]
    whole, part = (claims.ledger(rows, anatomy=pd.concat(some)) for some in (every, every[:2]))
    pd.testing.assert_frame_equal(whole, part)


def test_generalising_better_takes_more_test_accuracy_and_no_less_train_accuracy():
    rows = sparse(make_rows(trials=2, rounds=12, arms=("ticket",)))
    flat = rows.assign(train_acc=99.0)
    assert line(flat, "S1")["verdict"] == "reproduced"
    assert line(change(flat, "ticket", train_acc=-0.5), "S1")["verdict"] == "partly"
    assert line(change(flat, "ticket", train_acc=-0.5, test_acc=-1.0), "S1")["verdict"] == "not reproduced"


def test_the_second_strategy_is_compared_level_by_level():
    rows = make_rows(trials=2, rounds=16, arms=("ticket",))
    other = rows[rows["round"] > 0].assign(arm="continued")
    for shift, verdict in ((0.5, "not reproduced"), (-0.5, "reproduced")):
        found = line(pd.concat([rows, other.assign(val_acc=other["val_acc"] + shift)]), "B1")
        assert found["ours"].split(" / ")[1] == f"{-shift:g}"
        assert f"Lenet: {verdict}" in found["why"]


def test_a_level_that_few_trials_have_come_to_is_not_the_best():
    glorot = sparse(make_rows(trials=2, rounds=12, arms=("ticket",), key="a" * 12))
    sigma = sparse(make_rows(trials=2, rounds=12, arms=("ticket",), key="b" * 12, sigma=0.1))
    assert line(pd.concat([glorot, sigma]), "G5")["ours"] == pytest.approx(0, abs=1e-9)
    lucky = sigma[(sigma["trial"] == 1) & (sigma["round"] == 12)].assign(round=13, remaining=5.6)
    lucky["val_acc"] += 2
    assert line(pd.concat([glorot, sigma, lucky]), "G5")["ours"] == pytest.approx(0, abs=1e-9)
    short = line(pd.concat([glorot, sigma[sigma["round"] < 3]]), "G5")
    assert short["why"] == "needs ticket down to P_m 10 % (so far 64.06 %)"


def test_the_smallest_ticket_is_known_when_a_smaller_one_has_failed():
    layers = make_deep("vgg19", "warmup", scope="layer")
    cut = line(layers[layers["round"] <= 12], "V6")
    assert "layer-wise: not run yet, needs a level below P_m 6.9" in cut["why"]
    whole = line(layers, "V6")  # the curves of global pruning: tickets down to 1.83 %
    assert whole["ours"].split(" / ")[0] == "1.83"
    assert "layer-wise: partly" in whole["why"]


def test_another_width_or_batch_is_not_compared():
    rows = [make_deep("vgg19", "warmup"), make_deep("vgg19", "lr0.1")]
    assert line(pd.concat(rows), "V3")["verdict"] == "reproduced"
    narrow = specs.spec("vgg19", "laptop", "lr0.1", iterations=112_480)
    rows[1] = rows[1].assign(spec=specs.as_json(narrow), key=specs.key(narrow))
    assert "at the same scale" in line(pd.concat(rows), "V3")["why"]


@pytest.mark.parametrize(("shift", "verdict"), [(-1.0, "reproduced"), (4.0, "not reproduced")])
def test_pruning_fully_connected_layers_alone_hurts_or_not(shift, verdict):
    rows = make_rows(network="conv2", iterations=20_000, trials=2, rounds=3, arms=("ticket",), rate_conv=0.0)
    dense = rows.loc[rows["round"] == 0, "test_acc"].max()
    rows["test_acc"] = rows["test_acc"].where(rows["round"] == 0, dense + shift)
    assert f"Conv-2, fully-connected alone: {verdict}" in line(rows, "H3")["why"]


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "reproduced"), (2.0, "not reproduced")])
def test_tickets_at_a_large_rate_are_told_from_their_reinit(shift, verdict):
    rows = make_deep("resnet20", "lr0.1", lr=0.05)
    rows["val_acc"] += shift * ((rows["arm"] == "ticket") & (rows["round"] > 0))
    assert f"ResNet-20, 0.05: {verdict}" in line(rows, "W1")["why"]


def test_sizes_are_ranked_by_their_tickets_at_an_equal_count_of_weights():
    widths = (1 / 6, 1 / 3, 0.5, 2 / 3, 1.0, 4 / 3, 5 / 3, 3.0)
    for sign in (1, -1):
        rows = []
        for i, width in enumerate(widths):
            one = sparse(make_rows(trials=2, rounds=24, arms=("ticket",), key=f"{i:012d}", width=width))
            flat = 80 + 2 * sign * i - 0.05 * one["round"]  # falls below the dense network at once
            rows.append(one.assign(val_acc=flat, weights=(one["weights"] * width).astype(int)))
        found = line(pd.concat(rows), "G6")
        assert float(found["ours"].split(" / ")[0]) == (1 if sign > 0 else -1)
        assert f"bigger is better: {'reproduced' if sign > 0 else 'not reproduced'}" in found["why"]


# --- as data ---


@pytest.mark.parametrize("rows", [0, 1])
def test_the_ledger_is_plain_json(paper_ledger, rows):
    ledger = paper_ledger.reset_index() if rows else claims.ledger(pd.DataFrame())
    read = json.loads(json.dumps(claims.as_json(ledger), allow_nan=False))
    assert [c["id"] for c in read] == [c["id"] for c in claims.load()]
    assert {"id", "verdict", "ours", "n", "low", "high", "text", "figure", "why", "scale"} <= set(read[0])
    assert all(c["verdict"] in VERDICTS for c in read)
    assert (read[0]["ours"] is None) == (rows == 0)
    assert all(c["ours"] is None for c in read if c["verdict"] == "not run yet")


def test_the_ledger_as_text_names_every_claim_with_its_numbers(paper_ledger):
    text = claims.as_text(paper_ledger.reset_index())
    assert "text 2.51, figure 2.16, ours 2.16" in text
    for name in IDS:
        assert name in text.replace(",", "").split()
    assert claims.as_text(claims.ledger(pd.DataFrame())) == "not run yet: " + ", ".join(c["id"] for c in claims.load())
