"""A ticket that left the store is the ticket that was in it, and other programs can use it as the pages say."""

import errno
import json
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from lthlib import cli, specs
from lthlib.engine import arms, cohort, machine, networks, pruning, sources
from lthlib.engine.train import train
from lthlib.errors import LthError, StoreError
from lthlib.lab import task, ticket_file
from lthlib.lab.run import run
from lthlib.lab.store import Store
from lthlib.specs import Rep

safetensors = pytest.importorskip("safetensors.torch")
ONE = {"trials": 1, "rounds": 2, "arms": ["ticket"], "iterations": 12, "eval_every": 5, "train_eval": 50}
SPECS = {"lenet": specs.spec("lenet", "quick", **ONE), "conv2": specs.spec("conv2", "quick", **ONE)}
REP = Rep("ticket", 0, 2)
PAGE = (Path(__file__).parents[2] / "book" / "reproduce.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.partition("## A ticket for other programs")[2], re.DOTALL)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two small experiments."""
    folder = tmp_path_factory.mktemp("exchange") / "store"
    for spec in SPECS.values():
        run(spec, folder, workers=1)
    return Store(folder)


def lth(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def exported(store, tmp_path, monkeypatch):
    """The working directory with the ticket of a Lenet in `ticket.safetensors`, as the pages have it."""
    monkeypatch.chdir(tmp_path)
    assert lth("export", "lenet", "--trial", 0, "--round", 2, "ticket.safetensors", "--store", store.path) == 0
    return Path("ticket.safetensors")


@pytest.mark.parametrize("network", SPECS)
def test_a_ticket_exported_loaded_and_trained_gives_the_stored_curve_to_the_last_bit(network, store, tmp_path):
    spec, file = SPECS[network], tmp_path / "ticket.safetensors"
    assert lth("export", network, "--trial", 0, "--round", 2, file, "--store", store.path) == 0
    mask, theta0, metadata = ticket_file.load(file)
    assert specs.key(specs.from_json(metadata["spec"])) == specs.key(spec)
    with machine.prepared():
        images = sources.load(spec.data, shape=networks.shape(network))
        _, curves = train(spec, cohort.stack([theta0]), cohort.stack([mask]), [REP], images)
    rows = store.rows(spec).query("arm == 'ticket' and round == 2")
    assert len(rows) == 4
    for name, curve in task.curve(curves, 0).items():
        assert curve.tolist() == rows[name].tolist(), name


def test_the_file_says_what_it_holds(exported, store):
    file = safetensors.load_file(exported)
    assert {str(value.dtype) for name, value in file.items() if name.startswith("mask.")} == {"torch.bool"}
    assert {str(value.dtype) for name, value in file.items() if name.startswith("theta0.")} == {"torch.float32"}
    mask, theta0, metadata = ticket_file.load(exported)
    assert set(theta0) == {f"{layer}.{part}" for layer in ("fc1", "fc2", "out") for part in ("weight", "bias")}
    assert set(mask) == {"fc1.weight", "fc2.weight", "out.weight"}
    says = {"network": "lenet", "arm": "ticket", "trial": "0", "round": "2", "key": specs.key(SPECS["lenet"])}
    assert says.items() <= metadata.items()
    assert float(metadata["P_m"]) == pytest.approx(pruning.ladder(SPECS["lenet"])[2], abs=1e-3)
    assert {"lthlib", "torch"} <= set(json.loads(metadata["versions"]))
    assert "keep at 0 what is pruned" in metadata["usage"]
    (kept, _), start = task.recall(store, SPECS["lenet"], [REP]), arms.initial(SPECS["lenet"], [0])
    assert all(torch.equal(m, kept[name][0]) for name, m in mask.items())
    assert all(torch.equal(value, start[name][0]) for name, value in theta0.items())


def logits(file, x):
    """What the masked network answers, as the library computes it."""
    mask, theta0, _ = ticket_file.load(file)
    start = {name: value * mask.get(name, 1) for name, value in theta0.items()}
    return cohort.of(SPECS["lenet"], cohort.stack([start])).forward(x[None])[0]


def check(net, file, pruned):
    """A module answers as the ticket does, and its pruned weights, as `pruned` finds them, stay 0 when it trains."""
    x, y = torch.rand(20, 784), torch.arange(20) % 10
    torch.testing.assert_close(net(x).detach(), logits(file, x))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    net(x)
    for name, m in ticket_file.load(file).mask.items():
        assert not pruned(name)[m == 0].any()
        assert pruned(name)[m == 1].all()
    assert (net(x) - logits(file, x)).abs().max() > 0.01


def test_the_lines_of_the_page_give_the_ticket_in_plain_torch(exported):
    names = {}
    exec(SNIPPETS[0], names)
    check(names["net"], exported, names["net"].get_parameter)


def test_the_lines_of_the_page_give_the_ticket_to_torchs_pruning(exported):
    names = {}
    exec(SNIPPETS[0].partition("net.load_state_dict")[0], names)
    exec(SNIPPETS[1], names)
    net = names["net"]
    assert prune.is_pruned(net)
    check(net, exported, lambda name: net.get_submodule(name.removesuffix(".weight")).weight)


def test_the_lines_of_the_docstring_run(exported):
    lines = ticket_file.__doc__.partition("these names:\n")[2]
    names = {"net": networks.Lenet()}
    exec(textwrap.dedent(lines), names)
    check(names["net"], exported, names["net"].get_parameter)


def test_a_network_with_batch_norm_loads_into_a_plain_module(tmp_path):
    spec = specs.spec("resnet20", width=0.25)
    theta0 = cohort.rows(arms.initial(spec, [0]))[0]
    mask = {name: (theta0[name] > 0).float() for name in pruning.prunable(spec)}
    ticket_file.save(tmp_path / "ticket", spec, Rep("ticket", 0), mask, theta0)
    net = networks.Resnet20(0.25)
    net.load_state_dict(ticket_file.load(tmp_path / "ticket").theta0)
    x = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(net.eval()(x).detach(), cohort.of(spec, cohort.stack([theta0])).forward(x[None])[0])


# ------------------------------------------------------------------------------------------------------- one line each


def told(capsys, *words):
    """The one line that a command ends with."""
    capsys.readouterr()
    assert lth(*words) == 2
    line = capsys.readouterr().err
    assert line.startswith("lth: ")
    assert line.count("\n") == 1
    return line


def test_an_existing_file_is_replaced_only_by_force(exported, store, capsys):
    words = ["export", "lenet", "--trial", 0, "--round", 1, exported, "--store", store.path]
    before = exported.read_bytes()
    assert "is there already: choose another file, or --force" in told(capsys, *words)
    assert exported.read_bytes() == before
    assert lth(*words, "--force") == 0
    assert ticket_file.load(exported).metadata["round"] == "1"
    assert os.listdir() == [exported.name]


def test_a_ticket_that_is_not_there_is_told_with_those_that_are(store, tmp_path, capsys):
    line = told(capsys, "export", "lenet", "--trial", 3, "--round", 1, tmp_path / "t", "--store", store.path)
    assert f"ticket trial 3 round 1 of lenet {specs.key(SPECS['lenet'])} is not in" in line
    assert "of trial 0 rounds 0 to 2" in line
    store.pack(SPECS["lenet"], tmp_path / "results")
    line = told(capsys, "export", "lenet", "--trial", 0, "--round", 1, tmp_path / "t", "--store", tmp_path / "results")
    assert "only tables" in line
    assert not (tmp_path / "t").exists()


def test_a_damaged_ticket_is_made_again_before_it_leaves(store, tmp_path):
    spec, copy = SPECS["lenet"], Store(shutil.copytree(store.path, tmp_path / "copy"))
    (file,) = copy.path.glob(f"lenet-{specs.key(spec)}/ticket-t0-r01-d0.npz")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(StoreError, match="ticket trial 0 round 1 of lenet .* is damaged in .*run the experiment again"):
        ticket_file.kept(copy, spec, Rep("ticket", 0, 1))


def test_several_experiments_of_a_network_are_told_apart_by_key_or_profile(tmp_path, capsys):
    store, two = tmp_path / "store", [specs.spec("lenet", "quick", **{**ONE, "rounds": 0, "seed": n}) for n in (0, 1)]
    for spec in two:
        run(spec, store, workers=1)
    words = ["--trial", 0, "--round", 0, tmp_path / "t", "--store", store]
    line = told(capsys, "export", "lenet", *words)
    assert all(specs.key(spec) in line for spec in two)
    assert "say one's key" in line
    assert "has no lenet at profile paper, but" in told(capsys, "export", "lenet", *words, "--profile", "paper")
    assert lth("export", specs.key(two[1]), *words) == 0
    assert ticket_file.load(tmp_path / "t").metadata["key"] == specs.key(two[1])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("has no experiment 'lanet', but", ["lanet", "--trial", 0, "--round", 1, "t"]),
        ("has no experiment 'lanet', but", ["lanet"]),
        ("a ticket is written with lth export NETWORK --trial T --round N FILE", ["lenet", "--trial", 0, "t"]),
        ("a ticket is written with lth export NETWORK --trial T --round N FILE", ["lenet", "--trial", 0, "--round", 1]),
        ("a ticket is written with lth export NETWORK --trial T --round N FILE", ["lenet", "--profile", "quick"]),
        ("there is no folder no", ["lenet", "--trial", 0, "--round", 1, "no/where"]),
    ],
)
def test_what_cannot_be_exported_is_one_line(line, words, store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert line in told(capsys, "export", *words, "--store", store.path)
    assert os.listdir() == []


def test_words_after_options_belong_to_export_alone(store):
    for words in (["run", "lenet", "--trials", "1", "more"], ["export", "--trial", "0", "lenet", "--bogus"]):
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, "--store", str(store.path)])
        assert stop.value.code == 2


def test_a_full_disk_leaves_no_half_file(exported, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ticket, before = ticket_file.load(exported), exported.read_bytes()
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(StoreError, match="cannot write .*No space left on device.*choose another"):
        ticket_file.save(exported, SPECS["lenet"], REP, *ticket[:2], force=True)
    assert os.listdir() == [exported.name]
    assert exported.read_bytes() == before


def test_a_damaged_or_foreign_file_is_one_line(exported):
    whole = exported.read_bytes()
    for content in (b"", b"no tensors", whole[:100], whole[:-1], whole[200:]):
        exported.write_bytes(content)
        with pytest.raises(StoreError, match="cannot be read as a ticket .*export it again") as error:
            ticket_file.load(exported)
        assert "\n" not in str(error.value)
    for tensors in ({"weight": torch.ones(2)}, {"mask.w": torch.ones(2), "theta0.w": torch.ones(3)}):
        safetensors.save_file(tensors, exported, {"spec": "{}"})
        with pytest.raises(StoreError, match="holds no ticket"):
            ticket_file.load(exported)
    with pytest.raises(StoreError, match="nowhere cannot be read as a ticket"):
        ticket_file.load("nowhere")


def test_without_the_package_the_line_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(LthError, match="pip install safetensors"):
        ticket_file.load(exported)
