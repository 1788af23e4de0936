"""The ledger: the paper's own curves must give the paper's own numbers, and anything less must say so."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import make_deep, make_rows

from lthlib import specs
from lthlib.evidence import claims, ledger
from lthlib.evidence.curves import summarise
from lthlib.evidence.verdicts import VERDICTS
from lthlib.specs.columns import ANATOMY, TRAINING

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
def papers(lenet):
    """The ledger of rows that have the paper's plotted means."""
    conv = [sparse(make_rows(network=n, iterations=i, key=n.ljust(12, "0"))) for n, i in CONV.items()]
    dropped = dict(arms=("ticket",), setting="dropout")
    conv += [
        sparse(make_rows(network=n, iterations=3 * i, key=n.ljust(12, "d"), rounds=20, **dropped))
        for n, i in CONV.items()
    ]
    deep = [make_deep(network, name, trials=3) for network in specs.DEEP for name in specs.SETTINGS[network]]
    return ledger.ledger(pd.concat([lenet, *conv, *deep])).set_index(["id", "part"])


def of_claim(rows, claim, anatomy=None):
    """The tests of one claim, by part."""
    found = ledger.ledger(rows, [c for c in claims.load() if c["id"] == claim], anatomy)
    return found.set_index("part")


def line(rows, claim, part=""):
    """One test."""
    return of_claim(rows, claim).loc[part]


def change(rows, arm, **shift):
    """The same rows with a quantity of one arm shifted, the dense network left alone."""
    where = (rows["arm"] == arm) & (rows["round"] > 0)
    return rows.assign(**{name: rows[name].where(~where, rows[name] + by) for name, by in shift.items()})


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
    assert list(dict.fromkeys(c["id"] for c in printed)) == [c["id"] for c in claims.load()]
    assert any(c["n"] for c in printed if c["id"].startswith("L")), "nothing was measured"
    assert any(c["n"] for c in printed if c["id"].startswith("F")), "nothing was looked into"


# --- the paper's curves give the paper's numbers ---


READ = [(c["id"], p["label"]) for c in claims.load() for p in c["parts"] if isinstance(p["figure"], int | float)]
READ = [(name, part) for name, part in READ if name[0] in "LCDVR" and (name, part) != ("L4", "")]


@pytest.mark.parametrize(("claim", "part"), READ)
def test_the_papers_own_curves_give_the_figure_column(papers, claim, part):
    found = papers.loc[(claim, part)]
    assert found["value"] == pytest.approx(found["figure"], rel=0.02, abs=0.011)


def test_where_levels_are_all_asked_for_the_papers_curves_are_counted(papers):
    assert papers.loc[("C3", "Conv-4"), "value"] == 100
    assert papers.loc[("L10", ""), "value"] == pytest.approx(100 * 20 / 21)  # 17.7 % is later than the dense network
    assert papers.loc[("L11", ""), "value"] == pytest.approx(100 * 35 / 37)  # below at 87.5 and at 5.2 %


def test_text_and_figure_are_judged_each(papers):
    slow = papers.loc[("L2", "as long as the dense network")]
    assert (slow["verdict"], slow["figure_verdict"]) == ("undecided", "holds")
    early = papers.loc[("H1", "Conv-2, 2e-4, early stop")]
    assert (early["verdict"], early["figure_verdict"]) == ("holds, other size", "holds")


def test_no_claim_of_section_2_or_3_is_contradicted_by_the_papers_own_curves(papers):
    of_networks = papers[[name[0] in "LCDH" and "train" not in part for name, part in papers.index]]
    assert "contradicted" not in set(of_networks["verdict"])
    assert (of_networks["verdict"] == "holds").sum() >= 20


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


def test_a_ratio_is_of_means_and_each_trial_stands_beside_it():
    found = line(pd.concat([toy([1000, 9000]), toy([500, 9000], level=7)]), "L1")
    assert found["value"] == pytest.approx(100 * (1 - 9500 / 10_000))  # 5 %
    assert found["trials"] == pytest.approx([50, 0])
    assert (found["n"], found["verdict"]) == (2, "too little run")


def test_draws_of_a_reinit_are_averaged_before_trials_are_compared():
    rows = [toy([2000, 2000]), toy([1000, 1000], level=7)]
    rows += [toy([1500, 4000], "reinit", 7, draw=0), toy([2500, 6000], "reinit", 7, draw=1)]
    found = line(pd.concat(rows), "L7")
    assert found["value"] == pytest.approx(3.5)
    assert found["trials"] == pytest.approx([2, 5])


def test_only_trials_that_hold_both_sides_are_compared():
    rows = pd.concat([toy([1000, 2000, 9000]), toy([500, 1000], level=7)])
    found = line(rows, "L1")
    assert (found["value"], found["n"]) == (pytest.approx(50), 2)


def test_gains_are_paired_trial_by_trial(lenet):
    t = summarise(lenet)
    dense = t[(t["arm"] == "ticket") & (t["round"] == 0)].set_index("trial")["acc_es"]
    ticket = t[(t["arm"] == "ticket") & (t["round"] == 9)].set_index("trial")["acc_es"]
    differences = np.array([ticket[i] - dense[i] for i in range(5)])
    found = line(lenet, "L3")
    assert found["value"] == pytest.approx(differences.mean())
    assert found["trials"] == pytest.approx(list(differences))
    half = 2.7764451 * differences.std(ddof=1) / np.sqrt(5)
    assert (found["low"], found["high"]) == (
        pytest.approx(differences.mean() - half),
        pytest.approx(differences.mean() + half),
    )


def test_between_two_levels_a_quantity_is_read_on_the_line_between_them(lenet):
    gaps = lenet[~((lenet["arm"] == "ticket") & (lenet["round"] == 9))]  # P_m 13.5, L3's level
    means = summarise(lenet).query("arm == 'ticket'").groupby("round")[["acc_es", "remaining"]].mean()
    high, low = np.log(means["remaining"][[8, 10]])
    share = (np.log(13.5) - low) / (high - low)
    found = line(gaps, "L3")
    expected = share * means["acc_es"][8] + (1 - share) * means["acc_es"][10] - means["acc_es"][0]
    assert found["value"] == pytest.approx(expected)
    assert found["where"] == "read between P_m 16.88 and 10.83 %"


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_and_the_names_of_trials_change_nothing(papers, lenet, seed):
    random = np.random.default_rng(seed)
    names = dict(enumerate(random.permutation(5)))
    shuffled = lenet.assign(trial=lenet["trial"].map(names)).sample(frac=1, random_state=seed % 1000)
    for claim in ("L1", "L7", "L11"):
        one, other = papers.loc[(claim, "")], line(shuffled, claim)
        assert one["verdict"] == other["verdict"]
        assert (one["low"], one["high"]) == (pytest.approx(other["low"]), pytest.approx(other["high"]))


# --- verdicts ---


def test_a_ticket_no_better_than_its_reinit_contradicts(lenet):
    rows = change(lenet, "ticket", test_acc=-1.0)
    assert line(rows, "L8")["verdict"] == "contradicted"
    assert line(rows, "L3")["verdict"] == "contradicted"
    assert line(rows, "L6", "ticket down to 3.6 %")["verdict"] == "contradicted"
    assert line(rows, "L11")["verdict"] == line(lenet, "L11")["verdict"]  # the one-shot arm was left alone


def test_arms_swapped_turn_the_comparison_round(lenet):
    pruned = lenet["round"] > 0
    swapped = lenet.assign(
        arm=lenet["arm"].where(~pruned, lenet["arm"].replace({"ticket": "reinit", "reinit": "ticket"}))
    )
    one, other = line(lenet, "L7"), line(swapped, "L7")
    assert (one["verdict"], other["verdict"]) == ("holds", "contradicted")
    assert other["value"] == pytest.approx(1 / one["value"])
    assert other["low"] == pytest.approx(1 / one["high"])


def test_a_one_sided_claim_may_be_exceeded_a_two_sided_one_not(lenet):
    rows = change(lenet, "ticket", test_acc=0.8)
    assert line(rows, "L3")["verdict"] == "holds"
    assert line(rows, "L8")["verdict"] == "holds, other size"
    assert "larger than 0.5 pp" in line(rows, "L8")["why"]


def test_a_claim_about_all_levels_that_holds_nowhere_is_contradicted(lenet):
    found = line(change(lenet, "oneshot", test_acc=-2.0), "L11")
    assert (found["verdict"], found["value"]) == ("contradicted", 0)


@pytest.mark.parametrize("trials", [1, 2])
def test_one_or_two_trials_give_no_verdict(trials):
    found = line(make_rows(trials=trials, rounds=16), "L1")
    assert (found["verdict"], found["n"], found["figure_verdict"]) == ("too little run", trials, "too little run")
    assert f"{trials} trial{'s' * (trials > 1)} of 3" in found["why"]


def test_rows_of_an_unknown_experiment_change_no_verdict(lenet):
    one = lenet[lenet["arm"] == "ticket"]
    strange = one.assign(network="mine", key="f" * 12, test_acc=10.0)
    changed = make_rows(trials=5, rounds=12, arms=("ticket",), key="e" * 12, lr=0.1)
    before = ledger.ledger(lenet)
    pd.testing.assert_frame_equal(before, ledger.ledger(pd.concat([lenet, strange, sparse(changed)])), check_like=True)


def test_three_trials_of_a_shorter_experiment_are_judged_before_one_of_a_longer(lenet):
    single = sparse(make_rows(trials=1, rounds=16, key="a" * 12))
    three = sparse(make_rows(trials=3, rounds=16, iterations=15_000, key="b" * 12))
    found = line(pd.concat([single, three]), "L3")
    assert (found["n"], found["keys"]) == (3, ["b" * 12])
    reinit = single.assign(arm="reinit")  # ... but what they do not hold is taken from where it is
    assert line(pd.concat([three[three["arm"] == "ticket"], single, reinit]), "L7")["keys"] == ["a" * 12]


# --- what the rows lack, and the scale they were run at ---


@pytest.mark.parametrize("rows", [pd.DataFrame(), make_rows(trials=1, rounds=0, arms=("ticket",)).head(0)])
def test_without_rows_nothing_has_been_run(rows):
    found = ledger.ledger(rows)
    assert list(dict.fromkeys(found["id"])) == [c["id"] for c in claims.load()]
    assert set(found["verdict"]) == {"not run"}
    assert (found["n"] == 0).all()
    assert found["why"].str.len().gt(0).all()


def test_too_few_rounds_are_said_to_be_missing():
    rows = make_rows(trials=3, rounds=5)
    assert line(rows, "L1")["verdict"] == "too little run"
    assert "ticket at P_m 21.1 % (nearest 32.87 %)" in line(rows, "L1")["why"]
    assert (
        "needs ticket from P_m 100 to 3.6 % (so far 80.04 to 32.87 %)"
        in line(rows, "L6", "ticket down to 3.6 %")["why"]
    )


def test_an_arm_that_was_not_run_is_said_to_be_missing():
    rows = make_rows(trials=3, rounds=9, arms=("ticket",))
    assert (line(rows, "L7")["verdict"], line(rows, "L7")["why"]) == ("not run", "needs the arm reinit")
    assert line(rows, "L10")["why"] == "needs the arm oneshot"
    assert line(rows, "L1")["verdict"] == "holds"


def test_a_loss_still_falling_at_the_end_is_no_early_stop():
    found = line(make_rows(trials=3, rounds=9, iterations=3_000), "L1")
    assert found["verdict"] == "too little run"
    assert "more than 3,000 iterations" in found["why"]


def test_a_network_that_never_learned_gives_no_ratio():
    found = line(pd.concat([toy([0, 0]), toy([500, 900], level=7)]), "L1")
    assert found["verdict"] == "too little run"


def test_a_reduced_scale_is_said_and_too_small_a_one_gives_no_verdict():
    found = line(make_rows(trials=3, rounds=16, iterations=15_000), "L3")
    assert found["departures"] == ["at 15,000 iterations, not 50,000"]
    assert found["of_paper"] == pytest.approx(0.3)
    assert found["verdict"] == "holds"
    part = line(make_rows(trials=3, rounds=16, iterations=15_000, data="mnist5k"), "L3")
    assert (part["verdict"], part["n"]) == ("too little run", 3)
    assert part["why"] == "run on 5,000 MNIST digits, not the full data set"
    assert part["scale"] == "5,000 MNIST digits, 3,500 / 500 / 1,000; 15,000 iterations"
    short = line(make_rows(trials=3, rounds=16, iterations=15_000), "L9")
    assert short["why"].startswith("run at 30 % of the paper's iterations, of which it needs 100 %")
    assert line(make_rows(trials=3, rounds=9), "L3")["departures"] == []


# --- settings ---


def test_settings_are_compared_at_the_same_scale_only():
    plain = make_rows(network="conv2", iterations=20_000, trials=3, rounds=1, arms=("ticket",), key="a" * 12)
    dropped = dict(network="conv2", trials=3, rounds=1, arms=("ticket",), key="b" * 12, setting="dropout")
    whole, cut = make_rows(iterations=60_000, **dropped), make_rows(iterations=30_000, **dropped)
    assert line(pd.concat([plain, whole]), "D1", "Conv-2")["verdict"] == "holds"
    found = line(pd.concat([plain, cut]), "D1", "Conv-2")
    assert found["verdict"] == "not run"
    assert "conv2, dropout and conv2 at the same scale" in found["why"]


def test_tickets_that_lead_at_a_large_rate_refute_the_claim_that_there_are_none():
    better = make_deep("resnet20", "lr0.1", arms=("ticket",), shift=3.0, trials=3)
    rows = pd.concat([better, make_deep("resnet20", "lr0.1", arms=("reinit",), trials=3)])
    assert line(rows, "R5", "without warmup")["verdict"] == "contradicted"
    assert line(make_deep("resnet20", "lr0.1", trials=3), "R5", "without warmup")["verdict"] == "holds"


# --- comparisons of many settings, against naive loops ---

ADAM = {"5e-5": 5e-5, "2e-4": 2e-4, "8e-4": 8e-4, "0.0012": 1.2e-3, "0.002": 2e-3, "0.0032": 3.2e-3, "0.0064": 6.4e-3}


def family(field, values, shifts):
    """Experiments that differ in a field of their recipe; the accuracy of their tickets is shifted."""
    rows = []
    for i, (value, shift) in enumerate(zip(values, shifts, strict=True)):
        more = {"trials": 3, "rounds": 20, "arms": ("ticket",), "every": 500, field: value}
        one = sparse(make_rows(key=f"{i:012d}", **more))
        rows.append(change(one, "ticket", val_acc=shift, test_acc=shift))
    return pd.concat(rows)


def best_ticket(rows, key):
    """Without the library: mean validation and test accuracy at early stop, of the round where the first is largest."""
    rounds = {}
    for (n, _), one in rows[(rows["key"] == key) & (rows["round"] > 0)].groupby(["round", "trial"]):
        stop = one.sort_values(["val_loss", "iteration"]).iloc[0]
        rounds.setdefault(n, []).append((stop["val_acc"], stop["test_acc"], stop["remaining"]))
    means = [np.mean(of_round, axis=0) for of_round in rounds.values()]
    return max((val, test) for val, test, remaining in means if remaining >= 9.4)


@pytest.mark.parametrize("shifts", [[0, 0, 0, 1, 0, 0, 0], [0.3, 0, 0, 0, 0.1, 0, 0]])
def test_the_best_of_the_named_is_compared_with_the_best_of_the_others(shifts):
    rows = family("lr", ADAM.values(), shifts)
    best = {rate: best_ticket(rows, f"{i:012d}") for i, rate in enumerate(ADAM)}
    named = max(best[rate] for rate in ("0.0012", "0.002"))[1]
    others = max(value for rate, value in best.items() if rate not in ("0.0012", "0.002"))[1]
    found = line(rows, "G1", "best rates")
    assert found["value"] == pytest.approx(named - others, abs=1e-6)
    assert (found["verdict"] == "holds") == (named > others)


def test_tickets_at_every_rate_are_counted():
    found = line(family("lr", ADAM.values(), [-2, 0, 0, 0, 0, 0, 0]), "G1", "at every rate")
    assert found["value"] == pytest.approx(100 * 6 / 7)


def test_the_scale_of_a_sweep_is_said_once():
    scale = line(family("lr", ADAM.values(), np.zeros(7)), "G1", "best rates")["scale"]
    assert scale.startswith("7 settings of MNIST, 55,000 / 5,000 / 10,000; 50,000 iterations")
    assert scale.count("settings") == 1


def test_how_much_of_a_warmups_gain_comes_early():
    lengths, shifts = (0, 500, 1000, 5000, 10000), (-2.0, -1.5, -1.0, -0.4, -0.2)
    rows = [make_deep("resnet20", "warmup", shift=s, warmup=k, trials=3) for k, s in zip(lengths, shifts, strict=True)]
    whole = make_deep("resnet20", "warmup", trials=3)
    assert line(pd.concat([*rows, whole]), "W2", "ResNet-20")["value"] == pytest.approx(80)  # 1.6 of 2.0
    flat = [make_deep("resnet20", "warmup", warmup=k, trials=3) for k in lengths]
    found = line(pd.concat([*flat, whole]), "W2", "ResNet-20")
    assert (found["value"], found["where"]) == (0, "no gain")


def test_a_sweep_that_lacks_a_line_says_which():
    rows = pd.concat([make_deep("resnet20", "warmup"), make_deep("resnet20", "warmup", warmup=0)])
    assert "needs resnet20, warmup 500" in line(rows, "W2", "ResNet-20")["why"]


def test_an_unfinished_training_is_counted_as_one_if_it_has_the_papers_length():
    short = make_rows(trials=6, rounds=0, arms=("ticket",), iterations=1_500, lr=2.5e-5)
    assert "needs 50,000 iterations" in line(short, "G1", "slowest")["why"]
    done = make_rows(trials=6, rounds=0, arms=("ticket",), iterations=50_000, lr=2.5e-5)
    assert line(done, "G1", "slowest")["verdict"] == "contradicted"
    late = done.assign(val_loss=(done["iteration"] - 49_300).abs())  # as in Figure 26
    assert line(late, "G1", "slowest")["verdict"] == "holds"
    assert line(late[late["trial"] < 3], "G1", "slowest")["verdict"] == "undecided"


def test_what_is_drawn_anew_keeps_all_or_nothing_of_the_lead():
    rows = sparse(make_rows(trials=3, rounds=16, arms=("ticket", "reinit")))
    tickets = rows[(rows["arm"] == "ticket") & (rows["round"] > 0)]
    reinit = rows[rows["arm"] == "reinit"]
    for same, kept in ((tickets, 100), (reinit, 0)):
        found = line(pd.concat([rows, same.assign(arm="redrawn")]), "F3", "of the ticket's lead")
        assert found["value"] == pytest.approx(kept)
    worse = change(rows, "ticket", test_acc=-5.0)
    found = line(pd.concat([worse, reinit.assign(arm="redrawn")]), "F3", "of the ticket's lead")
    assert (found["verdict"], found["why"]) == ("too little run", "needs a lead of tickets over reinit at P_m 3.6 %")


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
    adam = sparse(make_rows(trials=3, rounds=10, arms=("ticket",), key="a" * 12))
    sgd = sparse(make_rows(trials=3, rounds=10, arms=("ticket",), key="b" * 12, optimiser="sgd", lr=0.8))
    both = pd.concat([adam, sgd])
    bare = pd.concat([of_claim(both, claim) for claim in ("F1", "F2", "F5", "F6")])
    assert (bare["verdict"] == "too little run").all()
    assert "needs the weights of tickets, to look into" in bare["why"].iloc[0]
    uneven = {
        f"uneven_{side}_{layer}": 1.0 + (side == "out") for side in ("in", "out") for layer in ("fc1", "fc2", "out")
    }
    ours = inside(adam, **SHAPES, **uneven, valley_out_fc1=0.7, moved_fc1=2.0, moved_fc2=0.5)
    theirs = inside(sgd, **SHAPES, **{name: value / 2 for name, value in uneven.items()})
    anatomy = pd.concat([ours, theirs])
    f1, f2, f5, f6 = (of_claim(both, claim, anatomy) for claim in ("F1", "F2", "F5", "F6"))
    assert set(f1["verdict"]) == {"holds"}
    assert f1["value"].tolist() == pytest.approx([1.2, 0.8, 0.5, 60, 40])
    assert f2.loc["hidden 1, two peaks", "verdict"] == "contradicted"
    assert f2.loc["output, positive", "verdict"] == "contradicted"
    assert f6["value"].tolist() == pytest.approx([2 * 1.617, 2 * 1.732, 2 * 3.162, 0.7, 0.5, 0.5, 0.5])
    assert set(f6["verdict"]) == {"holds"}
    assert f5.loc["hidden 2, how far", "verdict"] == "contradicted"


def test_the_ledger_needs_the_anatomy_of_no_other_experiment():
    adam, sgd, slow = (
        make_rows(trials=2, rounds=8, arms=("ticket",), key=letter * 12, **change)
        for letter, change in (("a", {}), ("b", {"optimiser": "sgd", "lr": 0.8}), ("c", {"lr": 2e-4}))
    )
    rows = pd.concat([adam, sgd, slow, make_rows(network="conv2", trials=1, rounds=2, arms=("ticket",), every=1000)])
    assert ledger.looked_into(rows) == {"a" * 12, "b" * 12}
    assert ledger.looked_into(rows.iloc[:0]) == set()
    assert ledger.looked_into(rows, [c for c in claims.load() if c["id"] == "F1"]) == {"a" * 12}
    every = [inside(one, **SHAPES) for one in (adam, sgd, slow)]
    whole, part = (ledger.ledger(rows, anatomy=pd.concat(some)) for some in (every, every[:2]))
    pd.testing.assert_frame_equal(whole, part)


def test_generalising_better_takes_more_test_accuracy_and_the_same_train_accuracy():
    rows = sparse(make_rows(trials=3, rounds=12, arms=("ticket",))).assign(train_acc=99.0)
    for by, train in ((0, "holds"), (-0.5, "contradicted"), (0.05, "holds"), (0.5, "holds")):
        assert line(change(rows, "ticket", train_acc=by), "S1", "train accuracy at the end")["verdict"] == train
    for by, test in ((1.0, "holds"), (-1.0, "contradicted")):
        assert line(change(rows, "ticket", test_acc=by), "S1", "test accuracy at the end")["verdict"] == test


def test_the_second_strategy_is_compared_level_by_level():
    rows = make_rows(trials=3, rounds=16, arms=("ticket",))
    other = rows[rows["round"] > 0].assign(arm="continued")
    for shift, words in ((0.5, ["contradicted"]), (-0.5, ["holds", "holds, other size"])):
        found = line(pd.concat([rows, other.assign(val_acc=other["val_acc"] + shift)]), "B1", "Lenet")
        assert found["value"] == pytest.approx(-shift)
        assert found["verdict"] in words


def test_a_level_that_few_trials_have_come_to_is_not_the_best():
    glorot = sparse(make_rows(trials=3, rounds=12, arms=("ticket",), key="a" * 12))
    sigma = sparse(make_rows(trials=3, rounds=12, arms=("ticket",), key="b" * 12, sigma=0.1))
    assert line(pd.concat([glorot, sigma]), "G5")["value"] == pytest.approx(0, abs=1e-9)
    lucky = sigma[(sigma["trial"] == 1) & (sigma["round"] == 12)].assign(round=13, remaining=5.6)
    lucky[["val_acc", "test_acc"]] += 2
    assert line(pd.concat([glorot, sigma, lucky]), "G5")["value"] == pytest.approx(0, abs=1e-9)


def test_another_width_or_batch_is_not_compared():
    rows = [make_deep("vgg19", "warmup", trials=3), make_deep("vgg19", "lr0.1", trials=3)]
    assert line(pd.concat(rows), "V3")["verdict"] == "holds"
    narrow = specs.spec("vgg19", "laptop", "lr0.1", iterations=112_480)
    rows[1] = rows[1].assign(spec=specs.as_json(narrow), key=specs.key(narrow))
    assert "at the same scale" in line(pd.concat(rows), "V3")["why"]


@pytest.mark.parametrize(("shift", "verdict"), [(-1.0, "holds"), (4.0, "contradicted")])
def test_pruning_fully_connected_layers_alone_hurts_or_not(shift, verdict):
    rows = make_rows(network="conv2", iterations=20_000, trials=3, rounds=9, arms=("ticket",), rate_conv=0.0)
    dense = rows.loc[rows["round"] == 0, "test_acc"].max()
    rows["test_acc"] = rows["test_acc"].where(rows["round"] == 0, dense + shift)
    assert line(rows, "H3", "Conv-2, fully-connected alone")["verdict"] == verdict


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "holds"), (2.0, "contradicted")])
def test_tickets_at_a_large_rate_are_told_from_their_reinit(shift, verdict):
    rows = make_deep("resnet20", "lr0.1", lr=0.05, trials=3)
    rows["val_acc"] += shift * ((rows["arm"] == "ticket") & (rows["round"] > 0))
    assert line(rows, "W1", "ResNet-20, 0.05")["verdict"] == verdict


def test_sizes_are_ranked_by_their_tickets_at_an_equal_count_of_weights():
    widths = (1 / 6, 1 / 3, 0.5, 2 / 3, 1.0, 4 / 3, 5 / 3, 3.0)
    for sign in (1, -1):
        rows = []
        for i, width in enumerate(widths):
            one = sparse(make_rows(trials=6, rounds=24, arms=("ticket",), key=f"{i:012d}", width=width, every=2500))
            flat = 80 + 2 * sign * i - 0.05 * one["round"]  # falls below the dense network at once
            rows.append(one.assign(test_acc=flat, val_acc=flat, weights=(one["weights"] * width).astype(int)))
        found = line(pd.concat(rows), "G6", "bigger is better")
        assert found["value"] == pytest.approx(sign)
        assert found["verdict"] == ("holds" if sign > 0 else "contradicted")


# --- as data ---


@pytest.mark.parametrize("rows", [0, 1])
def test_the_ledger_is_plain_json(papers, rows):
    found = papers.reset_index() if rows else ledger.ledger(pd.DataFrame())
    read = json.loads(json.dumps(ledger.as_json(found), allow_nan=False))
    assert list(dict.fromkeys(c["id"] for c in read)) == [c["id"] for c in claims.load()]
    assert {"id", "verdict", "value", "n", "low", "high", "text", "figure", "why", "scale", "trials"} <= set(read[0])
    assert all(c["verdict"] in VERDICTS for c in read)
    assert (read[0]["value"] is None) == (rows == 0)
    assert all(c["value"] is None for c in read if c["verdict"] == "not run")


def test_the_ledger_as_text_names_every_claim_with_its_numbers(papers):
    text = ledger.as_text(papers.reset_index())
    assert "HOLDS: text 2.51, figure 2.16 [x]; ours 2.16 x at P_m 21.07 %, n = 5" in text
    for claim in claims.load():
        assert claim["id"] in text.replace(",", "").split()
    nothing = ledger.as_text(ledger.ledger(pd.DataFrame()))
    assert nothing.endswith("not run: " + ", ".join(c["id"] for c in claims.load()))


def test_the_headline_counts_every_test_once(papers):
    found = papers.reset_index()
    said = [int(number) for number in re.findall(r"(?<![-\w])\d+", ledger.headline(found))]
    whole, tests, judged, _, hold, bare, *others, waiting, nothing, all_of, of = said
    assert (whole, tests) == (found["id"].nunique(), len(found))
    assert judged == len(ledger.tried(found)) == hold + sum(others)
    assert waiting + nothing == tests - judged
    assert bare <= hold
    assert all_of <= of == ledger.tried(found)["id"].nunique()
    assert "None has been run in 3 trials" in ledger.headline(ledger.ledger(pd.DataFrame()))


def test_in_short_every_test_is_counted_once(papers):
    found = papers.reset_index()
    said = ledger.in_short(found)
    counted = [int(number) for number in re.findall(r"\d+", re.sub(r" \(.*?\)", "", said))]
    tests, hold, against, undecided, waiting = counted
    assert tests == len(found) == hold + against + undecided + waiting
    assert waiting == tests - len(ledger.tried(found))
    assert said.count(". ") == 0
    nothing = ledger.ledger(pd.DataFrame())
    none = "0 hold here, 0 are contradicted, 0 stay undecided"
    assert f"{none}, and {len(nothing)} were not run" in ledger.in_short(nothing)
    size = found.assign(verdict=["holds, other size", *["not run"] * (len(found) - 1)])
    assert "1 hold here (1 with an effect of another size)" in ledger.in_short(size)
