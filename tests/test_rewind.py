"""Late rewinding: θ_k is what the dense network is at iteration k, and tickets start there, as if they got there."""

import dataclasses
import json

import pandas as pd
import pytest
import torch

from lthlib import cli, specs
from lthlib.book import tables
from lthlib.core import masks
from lthlib.core.streams import stream
from lthlib.engine import arms, cohort, machine, networks, pruning, sources, train
from lthlib.engine.feed import draws
from lthlib.errors import StoreError
from lthlib.evidence import matching
from lthlib.evidence.curves import summarise
from lthlib.lab import task, ticket_file
from lthlib.lab.plan import missing, plan, room
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.specs import OPENING, Rep
from tests import oracle
from tests.conftest import TINY
from tests.engine.test_train import CLOSE, NARROW
from tests.lab.test_run import assert_cohorts_are_the_same, assert_same, science

WHOLE = {"arms": ["ticket"], "rewind": 4}  # an evaluation; 6 iterations, one every 4
SPECS = {
    "lenet": specs.spec("lenet", "quick", train_eval=50, iterations=25, eval_every=10, arms=["ticket"], rewind=10),
    "conv2": specs.spec("conv2", "quick", iterations=6, **NARROW, dropout=0.5, augment=True, **WHOLE),
    "resnet20": specs.spec(
        "resnet20", "quick", iterations=6, **NARROW, warmup=5, drops=(3,), weight_decay=0.1, **WHOLE
    ),
}
each = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def images(spec):
    return sources.load("mnist5k", shape=networks.shape(spec.network))


def opening(spec, trials):
    start = arms.initial(spec, trials)
    dense = masks.ones(start, pruning.rates(spec))
    return train.train(spec, start, dense, [Rep(OPENING, t) for t in trials], images(spec))


@each
def test_the_opening_ends_where_the_dense_network_is_at_iteration_k(spec):
    """To the last bit, batch-norm's statistics too, and so for their curves."""
    (theta_k, before), at_k = opening(spec, [1]), {}
    start = arms.initial(spec, [1])
    dense = masks.ones(start, pruning.rates(spec))
    for point in train.training(spec, start, dense, [Rep("ticket", 1)], images(spec)):
        if point.iteration == spec.rewind:
            at_k = {name: value.clone() for name, value in point.theta().items()}
    curves = point.curves()
    assert set(at_k) == set(theta_k) == set(start)
    for name, value in theta_k.items():
        assert torch.equal(at_k[name], value), name
        assert not torch.equal(start[name], value), name
    for name, curve in before.items():
        assert torch.equal(curve, curves[name][: len(curve)]), name


@each
@pytest.mark.parametrize("k", [3, 4])
def test_a_rewound_ticket_trains_as_the_naive_loop_does_from_iteration_k(spec, k):
    """With the batches, moves, dropout and learning rates of k, k + 1, ..., and a new optimiser."""
    spec, rep = dataclasses.replace(spec, rewind=k), Rep("ticket", 0, 2)
    theta_k, _ = opening(spec, [0])
    mask = {
        name: (torch.rand(theta_k[name].shape, generator=stream(0, name)) < 0.3).float()
        for name in pruning.prunable(spec)
    }
    theta_j, curves = train.train(spec, theta_k, mask, [rep], images(spec))
    every = [i for i in range(0, spec.iterations, spec.eval_every) if i > k]
    assert curves["iteration"].tolist() == [k, *every, spec.iterations]
    part = images(spec).split(spec.seed, 0)[0]
    drawn = draws(spec, rep, part, 2 * len(theta_k["fc1.bias"][0]) if spec.dropout else 0)
    row = [{name: value[0] for name, value in tensors.items()} for tensors in (theta_k, mask)]
    naive = oracle.train(spec, *row, drawn, images(spec).pixels / 255, images(spec).labels, first=k)
    for name in naive:
        torch.testing.assert_close(theta_j[name][0], naive[name], rtol=0, atol=CLOSE[spec.network])


def test_every_round_but_the_first_starts_from_theta_k_under_its_mask(tmp_path):
    spec = dataclasses.replace(SPECS["lenet"], rounds=2)
    starts = []

    def remember(start, mask, reps):
        starts.append((start, mask, reps))
        return train.train(spec, start, mask, reps, images(spec))[0]

    rounds = list(arms.tickets(spec, [0, 1], remember))
    theta0, (theta_k, _) = arms.initial(spec, [0, 1]), opening(spec, [0, 1])
    trained = [[(r.arm, r.round) for r in reps] for _, _, reps in starts]
    assert trained == [[(arm, n)] * 2 for arm, n in ((OPENING, 0), ("ticket", 0), ("ticket", 1), ("ticket", 2))]
    for (start, mask, _), expected in zip(starts, (theta0, theta0, theta_k, theta_k), strict=True):
        for name in theta0:
            m = mask.get(name, torch.ones(()))
            assert torch.equal(start[name] * m, expected[name] * m)  # bit-equal
    assert [r.number for r in rounds] == [0, 1, 2]
    m = masks.prune(rounds[0].theta_j, rounds[0].mask, pruning.rates(spec))
    assert all(torch.equal(rounds[1].mask[name], m[name]) for name in m)


# ------------------------------------------------------------------------------------------------------------- a study


ASKED = {**TINY, "branch_step": 1, "train_eval": 50, "reinits": 1, "randoms": 1, "arms": ["ticket", "reinit", "random"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small experiment with tickets reset to iteration 7."""
    spec, store = specs.spec("lenet", "quick", rewind=7, **ASKED), tmp_path_factory.mktemp("rewind") / "store"
    run(spec, store, workers=1)
    return spec, Store(store)


def test_the_plan_has_one_opening_per_trial_and_without_rewinding_none(finished):
    spec, store = finished
    paper = dataclasses.replace(spec, rewind=0)
    every = plan(spec)
    assert every[:2] == [Rep(OPENING, 0), Rep(OPENING, 1)]
    assert every[2:] == plan(paper)
    assert missing(spec, store) == []
    assert room(spec, every) > room(paper, plan(paper))


def test_curves_begin_where_training_does(finished):
    spec, store = finished
    seen = store.rows(spec).groupby(["arm", "trial", "round", "draw"], observed=True)["iteration"].apply(tuple)
    assert set(seen[OPENING]) == {(0, 7)}
    assert set(seen["reinit"]) == set(seen["random"]) == {(0, 10, 20, 25)}
    tickets = seen["ticket"].groupby("round").apply(set).tolist()
    assert tickets == [{(0, 10, 20, 25)}, {(7, 10, 20, 25)}, {(7, 10, 20, 25)}]


def test_the_dense_network_is_that_without_rewinding_and_tickets_are_not(finished, tmp_path):
    spec, store = finished
    paper = dataclasses.replace(spec, rewind=0, rounds=1, trials=1, arms=("ticket",))
    run(paper, tmp_path, workers=1)
    ours, theirs = store.rows(spec).query("arm == 'ticket' and trial == 0"), Store(tmp_path).rows(paper)
    dense = [science(rows[rows["round"] == 0]).drop(columns="key").reset_index(drop=True) for rows in (ours, theirs)]
    pd.testing.assert_frame_equal(*dense, check_exact=True)
    last = [rows.query("round == 1 and iteration == 25")["test_loss"].item() for rows in (ours, theirs)]
    assert last[0] != last[1]


def test_killed_and_resumed_is_as_uninterrupted(finished, tmp_path):
    spec, store = finished
    run(spec, tmp_path, workers=1)
    for lost in ("opening-t1-*", "ticket-t1-r02-*", "reinit-t0-r01-*", "ticket-t0-r01-*"):
        for file in tmp_path.rglob(lost):
            file.unlink()
    assert len(missing(spec, Store(tmp_path))) == 4
    run(spec, tmp_path, workers=2)
    assert_same(Store(tmp_path).rows(spec), store.rows(spec))


def test_cohorts_of_many_give_what_one_at_a_time_gives(finished, tmp_path, monkeypatch):
    assert_cohorts_are_the_same(*finished, tmp_path, monkeypatch)


# ------------------------------------------------------------------------------------------------- the command line


def lth(*words):
    return cli.main([str(word) for word in words])


def test_an_exported_ticket_starts_at_theta_k_and_trains_to_the_stored_curve(finished, tmp_path):
    pytest.importorskip("safetensors")
    spec, store = finished
    for n, k in ((2, 7), (0, 0)):
        file, rep = tmp_path / f"{n}.safetensors", Rep("ticket", 1, n)
        assert lth("export", "lenet", "--trial", 1, "--round", n, file, "--store", store.path) == 0
        mask, theta, metadata = ticket_file.load(file)
        assert metadata["rewind"] == str(k)
        kept = task.recall(store, spec, [Rep(OPENING, 1)])[1] if k else arms.initial(spec, [1])
        assert all(torch.equal(value, kept[name][0]) for name, value in theta.items())
        with machine.prepared():
            _, curves = train.train(spec, cohort.stack([theta]), cohort.stack([mask]), [rep], images(spec))
        rows = store.rows(spec).query(f"arm == 'ticket' and trial == 1 and round == {n}")
        assert curves["test_loss"][:, 0].tolist() == rows["test_loss"].tolist()


def test_a_ticket_whose_theta_k_is_gone_is_one_line(finished, tmp_path):
    spec, _ = finished
    with pytest.raises(StoreError, match="starts where opening trial 0 round 0 ends, which is not in .*: run") as error:
        task.reset(Store(tmp_path), spec, Rep("ticket", 0, 1))
    assert "\n" not in str(error.value)


def test_status_counts_openings_and_says_the_rewind(finished, capsys):
    spec, store = finished
    assert lth("status", "--store", store.path, "--json") == 0
    (line,) = json.loads(capsys.readouterr().out)
    planned = len(plan(spec))
    assert (line["stored"], line["planned"], line["missing"], line["rewind"]) == (planned, planned, 0, 7)
    assert line["by_arm"] == {"ticket": 6, "reinit": 4, "random": 4, OPENING: 2}
    assert lth("status", "--store", store.path) == 0
    assert "2 opening" in capsys.readouterr().out


def test_the_command_line_rewinds_and_says_what_it_cannot(tmp_path, capsys):
    sizes = ["--iterations", 6, "--trials", 1, "--rounds", 1, "--workers", 1, "--store", tmp_path]
    assert lth("run", "lenet", "--rewind", 2, "--arms", "ticket", *sizes) == 0
    key = specs.key(specs.spec("lenet", "quick", iterations=6, rewind=2, arms=["ticket"]))
    assert f"3 trainings of lenet {key}" in capsys.readouterr().out
    assert lth("run", "lenet", "--rewind", 2, *sizes) == 2
    assert capsys.readouterr().err.endswith(": leave out oneshot, oneshot_reinit\n")
    assert lth("cost", "lenet", "--rewind", 6, "--arms", "ticket", *sizes) == 2
    assert "rewind must be less than the 6 iterations, not 6" in capsys.readouterr().err


def test_the_opening_is_neither_in_tables_nor_taken_for_the_length_of_an_experiment(finished):
    rows = finished[1].rows()
    shorter = rows[rows["arm"] != OPENING].assign(key="other")
    shorter["iteration"] = shorter["iteration"].replace(25, 24)  # by one iteration the shorter
    best = matching.best(summarise(pd.concat([shorter, rows])), "lenet", variation={"rewind": 7, "arms": ("ticket",)})
    assert best["key"].unique().tolist() == [rows["key"].iloc[0]]
    assert matching.best(summarise(rows), "lenet").empty  # tickets of the paper are reset to iteration 0
    assert set(tables.rounds(rows).frame["arm"]) == {"ticket", "reinit", "random"}
