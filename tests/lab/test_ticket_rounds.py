"""Masks come back as they were, whatever happens to their file; with them a study goes on as if never interrupted."""

import dataclasses
import random
import re
import shutil
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lthlib import cli, lease, specs
from lthlib.core import masks
from lthlib.engine import networks, pruning
from lthlib.errors import SpecError, StoreError
from lthlib.lab import anatomy, maintenance, task, ticket_file, ticket_rounds, workers
from lthlib.lab.plan import missing, plan
from lthlib.lab.run import run
from lthlib.lab.store import Store, published
from lthlib.lab.ticket_rounds import Chain
from lthlib.specs import Rep
from tests.lab.test_maintenance import snapshot
from tests.lab.test_run import assert_same

SPEC = specs.spec("lenet", "quick")


def made(layers, rounds, seed=0, spec=SPEC, trial=0, **changes):
    """A chain of random nested masks of these layers' shapes."""
    rng = np.random.default_rng(seed)
    left = {name: rng.integers(1, rounds + 3, shape, dtype=np.uint8) for name, shape in layers.items()}
    about = {"key": specs.key(spec), "network": spec.network, "spec": specs.as_json(spec), "trial": trial}
    about |= {"rounds": rounds, "theta0": "0" * 64, "data_sha256": "1" * 64, "versions": "{}", "commit": ""}
    return Chain({**about, "results_version": specs.RESULTS_VERSION, **changes}, left)


def written(folder, chain):
    file = folder / chain.name
    file.write_bytes(ticket_rounds.as_bytes(chain))
    return file


def equal(a, b):
    return a.about == b.about and [*a.left] == [*b.left] and all(np.array_equal(a.left[n], b.left[n]) for n in a.left)


CHAINS = st.builds(
    made,
    st.dictionaries(
        st.sampled_from(["fc1.weight", "out.weight", "conv.0.0.weight"]),
        st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
        min_size=1,
    ),
    st.integers(0, ticket_rounds.MOST),
    st.integers(0, 9),
)

# --------------------------------------------------------------------------------------------------------- the file


@given(CHAINS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nested_masks_come_back_as_they_were(tmp_path, chain):
    each = [chain.mask(n) for n in range(chain.rounds + 2)]
    assert all(np.array_equal(count, chain.left[name]) for name, count in ticket_rounds.stack(each).items())
    file = written(tmp_path, chain)
    assert equal(ticket_rounds.read(file), chain)
    assert ticket_rounds.as_bytes(chain) == file.read_bytes(), "the same bytes each time"
    with np.load(file) as kept:  # as other programs read it
        assert all((kept[name] > 1).tolist() == m.tolist() for name, m in chain.mask(1).items())


@given(CHAINS, st.data())
def test_a_chain_cut_short_agrees_with_the_whole(chain, data):
    short = chain.until(data.draw(st.integers(0, chain.rounds)))
    for n in range(short.rounds + 2):
        assert all(np.array_equal(m, chain.mask(n)[name]) for name, m in short.mask(n).items())
    assert equal(ticket_rounds.joined(short, chain), chain)
    assert equal(ticket_rounds.joined(chain, short), chain)


def test_chains_that_differ_are_not_joined():
    chain = made({"w": (40,)}, 3)
    other = dataclasses.replace(chain, left={"w": chain.left["w"].copy()})
    other.left["w"][np.flatnonzero(chain.left["w"] == 5)[0]] = 2
    for a, b in ((chain, other), (other, chain), (chain.until(2), other)):
        with pytest.raises(ValueError, match="^the masks of round 2 are others$"):
            ticket_rounds.joined(a, b)
    ticket_rounds.joined(chain.until(0), other)  # they agree so far
    for words, theirs in {
        "initial weights": dataclasses.replace(chain, about={**chain.about, "theta0": "2" * 64}),
        "data_sha256": dataclasses.replace(chain, about={**chain.about, "data_sha256": "2" * 64}),
        "layers": made({"w": (41,)}, 3),
    }.items():
        with pytest.raises(ValueError, match=words):
            ticket_rounds.joined(chain, theirs)


def test_masks_that_are_not_nested_have_no_such_file():
    full, some = {"w": np.ones(3, bool)}, {"w": np.array([True, False, True])}
    with pytest.raises(ValueError, match="round 2 has weights that are not in the one before"):
        ticket_rounds.stack([full, some, full])
    with pytest.raises(ValueError, match="round 0"):
        ticket_rounds.stack([some, some])
    with pytest.raises(ValueError, match="more than 253 rounds"):
        ticket_rounds.stack([full] * 256)
    assert ticket_rounds.stack([full] * 255)["w"].tolist() == [255] * 3


def test_the_checksum_is_of_names_shapes_and_numbers():
    theta = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(2, np.float32)}
    others = [
        {**theta, "a": theta["a"].reshape(3, 2)},
        {**theta, "a": np.nextafter(theta["a"], np.float32(9))},
        {"c": theta["a"], "b": theta["b"]},
        {"a": theta["a"]},
    ]
    assert len({ticket_rounds.checksum(each) for each in (theta, *others)}) == 5
    assert ticket_rounds.checksum(dict(reversed(theta.items()))) == ticket_rounds.checksum(theta)


def test_a_damaged_file_is_told_or_says_the_same(tmp_path):
    """Truncated anywhere, or with any bit flipped."""
    chain, rng = made({"fc1.weight": (20, 30), "out.weight": (10, 20)}, 12), random.Random(0)
    whole = ticket_rounds.as_bytes(chain)
    file = tmp_path / chain.name
    flipped = [(n, bit) for n in range(len(whole)) for bit in range(8)]
    for n, bit in rng.sample(flipped, 1_500):
        file.write_bytes(whole[:n] + bytes([whole[n] ^ (1 << bit)]) + whole[n + 1 :])
        read_or_told(file, chain)
    for n in range(0, len(whole), 7):
        file.write_bytes(whole[:n])
        with pytest.warns(UserWarning, match="cannot be read as tickets .*: passed over"):
            assert Store(tmp_path).chain(SPEC, 0) is None
        with pytest.raises(StoreError, match="restore it, or delete it and export again") as error:
            Store(tmp_path, strict=True).chain(SPEC, 0)
        assert "\n" not in str(error.value)


def read_or_told(file, chain):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = Store(file.parent).chain(SPEC, 0)
    assert equal(found, chain) if found else len(said) == 1


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("another trial or experiment", {"trial": 1}),
        ("another key", {"spec": specs.as_json(specs.spec("lenet", "quick", seed=1))}),
        ("not an experiment that this version", {"spec": "{}"}),
        ("does not say what it is", {"theta0": None}),
        ("does not say what it is", {"rounds": "3"}),
        ("no such number of rounds", {"rounds": 254}),
        ("in how many rounds", {"rounds": 1}),
    ],
)
def test_a_file_that_says_what_cannot_be_is_told(tmp_path, words, change):
    chain = made({"w": (20,)}, 3)
    file = tmp_path / chain.name
    file.write_bytes(ticket_rounds.as_bytes(dataclasses.replace(chain, about={**chain.about, **change})))
    with pytest.raises(ValueError, match=words):
        ticket_rounds.read(file)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"about": np.array("{}")},
        {"about": np.array(3), "w": np.ones(3, np.uint8)},
        {"w": np.ones(3, np.uint8)},
        {"about": np.array({"a": 1}, dtype=object)},
        {"about": np.array("[" * 100_000)},
    ],
)
def test_a_foreign_file_is_told(tmp_path, arrays):
    file = tmp_path / made({}, 0).name
    with file.open("wb") as opened:
        np.savez(opened, **arrays)
    with pytest.warns(UserWarning, match="cannot be read as tickets"):
        assert Store(tmp_path).chain(SPEC, 0) is None


def test_layers_of_other_numbers_and_bombs_are_told(tmp_path):
    chain = made({"w": (20,)}, 3)
    for left in (np.zeros(20, np.uint8), np.ones(20, np.int64), np.ones(0, np.uint8), np.full(20, 6, np.uint8)):
        with pytest.raises(ValueError, match="in how many rounds"):
            ticket_rounds.read(written(tmp_path, dataclasses.replace(chain, left={"w": left})))
    with pytest.raises(ValueError, match="no layer"):
        ticket_rounds.read(written(tmp_path, dataclasses.replace(chain, left={})))
    with zipfile.ZipFile(tmp_path / chain.name, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("about.npy", bytes(ticket_rounds.UNPACKED + 1))
    with pytest.raises(ValueError, match="more than tickets would take"):
        ticket_rounds.read(tmp_path / chain.name)


def test_a_file_too_large_to_be_committed_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(ticket_rounds, "LARGEST", 500)
    with pytest.warns(UserWarning, match="would have .* MB, too much to be committed: left out"):
        assert Store(tmp_path).save_chain(made({"w": (2_000,)}, 9)) is None
    assert not list(tmp_path.iterdir())


@given(st.integers(1, 40), st.floats(0, 0.99), st.floats(0, 0.99), st.integers(0, 9))
def test_the_next_mask_prunes_to_itself(size, before, rate, seed):
    """As if it were the weights that it came from."""
    weights = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, size)).astype(np.float32))
    mask = masks.prune({"w": -weights}, {"w": torch.ones(1, size)}, {"w": before})
    after = masks.prune({"w": weights}, mask, {"w": rate})
    assert torch.equal(masks.prune(after, mask, {"w": rate})["w"], after["w"])


# ---------------------------------------------------------------------------------------------- from store to results

SIZES = {"iterations": 12, "eval_every": 5, "train_eval": 50, "trials": 2, "branch_step": 2, "oneshot_step": 13}
LENET = specs.spec("lenet", "quick", arms=["ticket", "reinit"], rounds=2, variation={"width": 0.1}, **SIZES)
JOINT = {"scope": "global", "rate_conv": 0.2, "rate_out": 0.0}  # convolutions ranked together, a layer never pruned
CONV = specs.spec("conv2", "quick", arms=["ticket"], rounds=2, **{**SIZES, "trials": 1}, **JOINT)
MORE = {"rounds": 4, "arms": ("ticket", "reinit", "random", "redrawn", "untrained", *specs.NOISE)}
FEW = {"rounds": 3, "arms": ("ticket", "random")}


def lth(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """Half of a study, exported, and its store, which nobody changes."""
    folder = tmp_path_factory.mktemp("half")
    for spec in (LENET, CONV):
        run(spec, folder / "store", workers=1)
    assert lth("export", "--store", folder / "store", "--to", folder / "results") == 0
    return folder


@pytest.fixture
def results(half, tmp_path):
    """A copy of what was exported."""
    shutil.copytree(half / "results", tmp_path / "results")
    return tmp_path / "results"


def files(results, spec=LENET):
    return sorted(results.glob(f"*{specs.key(spec)}.tickets.*"))


def changed(file, left=None, **about):
    """The file of a chain, changed."""
    chain = ticket_rounds.read(file)
    chain = dataclasses.replace(chain, about={**chain.about, **about}, left=left or chain.left)
    file.write_bytes(ticket_rounds.as_bytes(chain))


def test_an_export_has_the_masks_of_each_trial_and_the_next(half):
    store, exported = Store(half / "store"), Store(half / "results", strict=True)
    for spec in (LENET, CONV):
        for trial in range(spec.trials):
            chain, found = exported.chain(spec, trial), exported.tickets(spec, trial)
            assert [*found] == [0, 1, 2]
            for n, mask in {**found, 3: chain.mask(3)}.items():
                rep = Rep("ticket", trial, min(n, 2))
                kept, theta_j = task.recall(store, spec, [rep])
                kept = kept if n < 3 else masks.prune(theta_j, kept, pruning.rates(spec), pruning.together(spec))
                assert all(np.array_equal(m, kept[name][0].numpy() > 0) for name, m in mask.items())
            assert chain.about["theta0"] == maintenance.start_of(spec, trial)
            first = store.rows(spec).query(f"trial == {trial} and round == 0").iloc[0]
            assert {name: first[name] for name in ("data_sha256", "versions", "commit")}.items() <= chain.about.items()
            mine = store.tickets(spec, trial)
            assert all(np.array_equal(m, found[n][name]) for n in mine for name, m in mine[n].items())


def test_exporting_again_changes_nothing_and_a_longer_chain_takes_the_place_of_a_shorter(half, results, tmp_path):
    before = snapshot(Store(results))
    assert ticket_file.chains(LENET, Store(half / "store"), results) == []
    assert lth("export", specs.key(LENET), "--store", half / "results", "--to", tmp_path / "copy") == 0
    assert {f.name: f.read_bytes() for f in files(tmp_path / "copy")} == {
        f.name: f.read_bytes() for f in files(results)
    }
    store = tmp_path / "store"
    shutil.copytree(half / "store", store)
    run(dataclasses.replace(LENET, trials=1, rounds=3), store, workers=1)
    assert lth("export", specs.key(LENET), "--store", store, "--to", results) == 0
    assert ticket_rounds.read(files(results)[0]).rounds == 3
    assert files(results)[1].read_bytes() == before[files(results)[1]][1], "the other trial's stays"
    assert ticket_file.chains(LENET, Store(half / "store"), results) == [], "the longer one stays"


def test_tickets_that_are_others_or_damaged_are_never_replaced(half, results, capsys):
    left = ticket_rounds.read(file := files(results)[1]).left
    some = left["fc1.weight"].copy()
    some[some == 3] = 4
    for words, damage in {
        "holds other tickets than .* are others.: export to another folder": lambda: changed(
            file, {**left, "fc1.weight": some}
        ),
        "cannot be read as tickets .*: restore it": lambda: file.write_bytes(file.read_bytes()[:-30]),
    }.items():
        damage()
        before = snapshot(Store(results))
        assert lth("export", specs.key(LENET), "--store", half / "store", "--to", results) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert re.search(words, said), said
        assert snapshot(Store(results)) == before


def test_what_does_not_follow_from_the_seed_is_left_out_in_one_line(half, tmp_path, monkeypatch):
    rewound = specs.spec("lenet", "quick", rewind=3, arms=["ticket"], rounds=1, **{**SIZES, "trials": 1})
    run(rewound, tmp_path / "store", workers=1)
    with pytest.warns(UserWarning, match="are left out: they start from the weights of iteration 3, which do not"):
        assert ticket_file.chains(rewound, Store(tmp_path / "store"), tmp_path / "results") == []
    monkeypatch.setattr("torch.__version__", "9.9.9+cpu")
    with pytest.warns(UserWarning, match="torch 2.* drew their initial weights, and 9.9.9.cpu may draw others"):
        assert ticket_file.chains(CONV, Store(half / "store"), tmp_path / "results") == []


def test_dense_networks_alone_are_no_tickets(tmp_path):
    dense = dataclasses.replace(LENET, rounds=0, trials=1)
    run(dense, tmp_path / "store", workers=1)
    assert ticket_file.chains(dense, Store(tmp_path / "store"), tmp_path / "results") == []


@pytest.mark.parametrize("source", ["results", "merged", "nothing said"])
def test_one_ticket_for_other_programs_comes_from_results_as_from_the_store(
    half, results, tmp_path, monkeypatch, source
):
    pytest.importorskip("safetensors")
    words = ["export", specs.key(LENET), "--trial", 1, "--round", 2]
    assert lth(*words, tmp_path / "ours", "--store", half / "store") == 0
    if source == "merged":
        assert lth("merge", results, "--store", tmp_path / "merged") == 0
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "store").mkdir()  # in which nothing has been trained
    monkeypatch.chdir(tmp_path)
    assert published().path == results
    assert lth(*words, "theirs", *([] if source == "nothing said" else ["--store", source])) == 0
    ours, theirs = ticket_file.load("ours"), ticket_file.load("theirs")
    assert theirs.metadata == ours.metadata
    for a, b in zip(ours[:2], theirs[:2], strict=True):
        assert [*a] == [*b]
        assert all((a[name] == b[name]).all() for name in a)


def test_a_ticket_that_results_do_not_have_is_told_with_those_that_they_have(results, tmp_path, capsys):
    words = ["export", "lenet", "--trial", 0, "--round", 3, tmp_path / "t", "--store", results]
    assert lth(*words) == 2
    said = capsys.readouterr().err
    assert "is not in" in said
    assert "of trial 0 rounds 0 to 2, of trial 1 rounds 0 to 2" in said
    with pytest.raises(SpecError, match="not in"):
        ticket_file.kept(Store(results), LENET, Rep("ticket", 0, -1))


# ----------------------------------------------------------------------------------------------- from results to store


@pytest.mark.parametrize(("spec", "more"), [(LENET, MORE), (CONV, FEW)], ids=["lenet", "conv2"])
def test_half_a_study_exported_merged_elsewhere_and_finished_is_as_uninterrupted(
    spec, more, results, tmp_path, monkeypatch
):
    whole = dataclasses.replace(spec, **more)
    run(whole, tmp_path / "uninterrupted", workers=1)
    maintenance.merge(Store(tmp_path / "store"), Store(results))
    training, trained = task.training, []

    def noted(spec, theta, mask, reps, *more):
        trained.extend(reps)
        return training(spec, theta, mask, reps, *more)

    monkeypatch.setattr(task, "training", noted)
    run(whole, tmp_path / "store", workers=1)
    assert_same(Store(tmp_path / "store").rows(spec), Store(tmp_path / "uninterrupted").rows(spec))
    assert sorted(trained) == sorted({*plan(whole)} - {*plan(spec)}), "nothing is trained again"
    (chain, *_) = ticket_file.chains(spec, Store(tmp_path / "store"), results)
    assert chain.rounds == whole.rounds
    mine = Store(tmp_path / "uninterrupted").tickets(spec, 0)
    assert all(np.array_equal(m, mine[n][name]) for n in mine for name, m in chain.mask(n).items())


def test_cohorts_on_merged_tickets_go_on_too(results, tmp_path, monkeypatch):
    """As on an accelerator: all trials of a round together, one of them with its weights, one without."""
    run(dataclasses.replace(LENET, trials=1), tmp_path / "store", workers=1)
    assert maintenance.merge(Store(tmp_path / "store"), Store(results)).counts["tickets"] == 2
    monkeypatch.setattr(workers, "width", lambda spec, device: 100)
    run(dataclasses.replace(LENET, rounds=3), tmp_path / "store", workers=1)
    assert missing(dataclasses.replace(LENET, rounds=3), Store(tmp_path / "store")) == []


def test_merging_twice_or_into_the_store_that_trained_changes_nothing(half, results, tmp_path):
    store = Store(tmp_path / "store")
    assert str(maintenance.merge(store, Store(results))) == (
        "11 trainings came in, 0 were there already; trials whose tickets came in without weights: 3"
    )
    before = snapshot(store)
    assert str(maintenance.merge(store, Store(results))) == "0 trainings came in, 11 were there already"
    assert snapshot(store) == before
    assert maintenance.orphans(store) == []
    shutil.copytree(half / "store", tmp_path / "full")
    full = Store(tmp_path / "full")
    before = snapshot(full)
    assert str(maintenance.merge(full, Store(results))) == "0 trainings came in, 11 were there already"
    assert snapshot(full) == before


def test_tickets_come_to_rows_that_came_alone_and_weights_to_tickets(half, results, tmp_path):
    store = Store(tmp_path / "store")
    aside = {file: file.read_bytes() for file in results.glob("*.npz")}
    for file in aside:
        file.unlink()
    maintenance.merge(store, Store(results))
    assert len(missing(LENET, store)) == len(plan(LENET))
    for file, content in aside.items():
        file.write_bytes(content)
    assert maintenance.merge(store, Store(results)).counts["tickets"] == 3
    assert missing(LENET, store) == []
    assert not store.weighted(LENET, Rep("ticket", 0))
    assert str(maintenance.merge(store, Store(half / "store"))).endswith("tickets whose weights came in: 9")
    assert store.weighted(LENET, Rep("ticket", 0))
    assert_same(store.rows(LENET), Store(half / "store").rows(LENET))
    run(dataclasses.replace(LENET, arms=("ticket", "oneshot", "continued")), store.path, workers=1)


@pytest.mark.parametrize("arm", ["oneshot", "oneshot_reinit", "continued"])
def test_what_needs_trained_weights_says_so_before_anything_is_trained(arm, results, tmp_path):
    store = Store(tmp_path / "store")
    maintenance.merge(store, Store(results))
    before = snapshot(store)
    with pytest.raises(StoreError, match=f"^{arm} need trained weights, and .* has only the masks .*: leave") as error:
        run(dataclasses.replace(LENET, arms=("ticket", "reinit", arm)), store.path, workers=1)
    assert "\n" not in str(error.value)
    assert snapshot(store) == before
    with pytest.raises(StoreError, match="has the mask alone"):
        task.recall(store, LENET, [Rep("ticket", 0, 1)])
    with pytest.raises(StoreError, match="no anatomy of trial 0 .* merge the store that trained it"):
        anatomy.of(LENET, store)


def test_a_trial_without_weights_is_left_out_of_an_anatomy_with_a_line(results, tmp_path):
    run(dataclasses.replace(LENET, trials=1), tmp_path / "store", workers=1)
    store = Store(tmp_path / "store")
    maintenance.merge(store, Store(results))
    with pytest.warns(UserWarning, match="no anatomy of trial 1 of lenet"):
        table = anatomy.of(LENET, store)
    assert set(table["trial"]) == {0}
    assert "shared_trials" in set(table["quantity"]), "of the other trial the masks are known"


def test_initial_weights_that_come_out_otherwise_are_told_before_anything_is_trained(results, tmp_path, monkeypatch):
    merged = Store(tmp_path / "merged")
    maintenance.merge(merged, Store(results))
    init = networks.init
    monkeypatch.setattr(networks, "init", lambda *a, **k: {n: v * 1.000001 for n, v in init(*a, **k).items()})
    words = "initial weights here, with torch .*, are others than there"
    said = str(maintenance.merge(Store(tmp_path / "new"), Store(results)))
    assert "11 trainings came in" in said, "their rows can be read"
    assert "trials whose tickets are no use here: 3 (conv2-" in said
    assert "are others than there, with 2." in said
    assert "\n" not in said
    with pytest.raises(StoreError, match=f"ticket trial 0 round 1 .* cannot be exported: {words}"):
        ticket_file.kept(Store(results), LENET, Rep("ticket", 0, 1))
    before = snapshot(merged)
    with pytest.raises(StoreError, match=f"{words}; run with the release that found its tickets, or delete"):
        run(dataclasses.replace(LENET, **MORE), merged.path, workers=1)
    assert snapshot(merged) == before
    with pytest.warns(UserWarning, match=words):
        assert ticket_file.chains(LENET, merged, tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("", lambda file: file.write_bytes(file.read_bytes()[:-40])),
        ("", lambda file: file.write_bytes(b"PK")),
        ("", lambda file: file.write_bytes(b"")),
        ("another key", lambda file: changed(file, spec=specs.as_json(dataclasses.replace(LENET, seed=1)))),
        ("another trial or", lambda file: changed(file, trial=7)),
        ("are others than there", lambda file: changed(file, theta0="0" * 64)),
        ("another data_sha256", lambda file: changed(file, data_sha256="0" * 64)),
        ("another results_version", lambda file: changed(file, results_version=0)),
        ("layers are not those", lambda file: changed(file, {"fc1.weight": np.ones((3, 784), np.uint8)})),
        ("leaves other numbers", lambda file: changed(file, {n: c[::-1] for n, c in flipped(file).items()})),
        ("next pruning", lambda file: changed(file, {n: np.minimum(c, 3) for n, c in left(file).items()})),
    ],
)
def test_a_file_of_tickets_that_is_no_use_is_passed_over_with_one_line(words, change, results, tmp_path):
    file = files(results)[1]
    change(file)
    store, before = Store(tmp_path / "store"), snapshot(Store(results))
    said = str(maintenance.merge(store, Store(results)))
    assert f"trials whose tickets are no use here: 1 ({file.name}: " in said
    assert words in said
    assert "\n" not in said
    assert snapshot(Store(results)) == before
    assert missing(dataclasses.replace(LENET, trials=1), store) == [], "the other trial's came in"
    assert len(store.rows(LENET).groupby(["arm", "trial", "round"], observed=True)) == 8, "and all rows"


def left(file):
    return ticket_rounds.read(file).left


def flipped(file):
    """Other masks, with other numbers of survivors."""
    return {name: np.where(count == 2, 3, count).astype(np.uint8) for name, count in left(file).items()}


def test_tickets_without_their_rows_or_of_other_rounds_than_their_rows(results, tmp_path):
    key = specs.key(LENET)
    (results / f"lenet-{key}.parquet").rename(tmp_path / "rows")
    said = str(maintenance.merge(Store(tmp_path / "one"), Store(results)))
    assert f"no use here: 2 (lenet-{key}.tickets.t0.npz: its rows are not beside it)" in said
    rows = pd.read_parquet(tmp_path / "rows")
    rows[(rows["round"] < 2) & (rows["trial"] == 0)].to_parquet(results / f"lenet-{key}.parquet")
    said = str(maintenance.merge(store := Store(tmp_path / "two"), Store(results)))
    assert f"no use here: 1 (lenet-{key}.tickets.t1.npz: its rows are not there)" in said
    assert not missing(dataclasses.replace(LENET, rounds=1, trials=1), store)
    assert len(missing(dataclasses.replace(LENET, rounds=2, trials=1), store)) == 2


def test_of_a_trial_that_is_another_here_nothing_comes_in(half, results, tmp_path):
    store = Store(tmp_path / "store")
    run(dataclasses.replace(LENET, rounds=1), store.path, workers=1)
    rep = Rep("ticket", 1, 1)
    rows = store.rows(LENET).query("trial == 1 and round == 1")
    store.save(LENET, rep, rows.assign(val_loss=0.5), store.arrays(LENET, rep))
    before = snapshot(store)
    merged = maintenance.merge(store, Store(results))
    assert merged.counts["conflict"] == 3
    assert merged.counts["tickets"] == 2, "trial 0, and the other experiment's"
    assert before.items() <= snapshot(store).items()
    assert not store.there(LENET, Rep("ticket", 1, 2))
    arrays = store.arrays(LENET, Rep("ticket", 0, 1))
    arrays["mask.fc1.weight"] = np.roll(arrays["mask.fc1.weight"], 1)
    rows = store.rows(LENET).query("trial == 0 and round == 1 and arm == 'ticket'")
    store.save(LENET, Rep("ticket", 0, 1), rows, arrays)
    for file in store.path.rglob("*-t0-r02-*"):
        file.unlink()
    assert "its masks are others than ours" in str(maintenance.merge(store, Store(results)))


def test_a_trial_that_is_being_trained_here_is_left_for_later(results, tmp_path):
    store = Store(tmp_path / "store").open(LENET)
    with lease.hold([store.lease_file(LENET, Rep("ticket", 1))]):
        assert maintenance.merge(store, Store(results)).counts["busy"] == 4
    assert maintenance.merge(store, Store(results)).counts == {"new": 4, "same": 7, "conflict": 0, "tickets": 1}
    assert not list(store.path.rglob(f"*{lease.SUFFIX}*"))


def test_killed_while_merging_it_is_merged_again(results, tmp_path, monkeypatch):
    save, count = Store.save, iter(range(100))

    def killed(*arguments):
        if next(count) == 3:
            raise KeyboardInterrupt
        return save(*arguments)

    store = Store(tmp_path / "store")
    monkeypatch.setattr(Store, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        maintenance.merge(store, Store(results))
    monkeypatch.setattr(Store, "save", save)
    assert str(maintenance.merge(store, Store(results))).count("came in") == 2
    assert missing(LENET, store) == []
