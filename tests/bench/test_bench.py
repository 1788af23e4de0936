"""Both loops of the bench do the same work, products are counted as by hand, and a record can be drawn."""

import json

import pytest
import torch

from lthlib import specs
from lthlib.bench import bench, conventional
from lthlib.book import speed_page
from lthlib.engine import arms, cohort, networks
from lthlib.errors import StoreError
from lthlib.lab import cost
from lthlib.lab.run import run


def test_operations_of_lenet_are_those_counted_by_hand():
    _, operations = bench.products(specs.spec("lenet"), "cpu")
    forward, inputs = 2 * 266_200, 2 * 784 * 300  # the first layer's inputs need no gradient
    tested = 100 * 52 / 501  # of 10,000 images: at every tenth evaluation, the first and the early stop
    assert operations == pytest.approx(60 * (3 * forward - inputs) + (50 + tested) * forward)


def test_operations_of_conv2_are_those_counted_by_hand():
    spec = specs.spec("conv2", width=0.125)
    first, second = 3 * 8 * 9 * 1_024, 8 * 8 * 9 * 1_024
    dense = 2_048 * 32 + 32 * 32 + 320
    _, operations = bench.products(spec, "cpu")
    forward, tested = first + second + dense, 100 * 22 / 201
    assert operations == pytest.approx(2 * (60 * (2 * first + 3 * (second + dense)) + (50 + tested) * forward))


@pytest.mark.parametrize("network", ["lenet", "conv2", "resnet20"])
def test_the_conventional_network_is_the_same_network(network):
    spec = specs.spec(network, width=0.125)
    net, optimiser = conventional.network(spec, "cpu")
    theta = arms.initial(spec, [0])
    x = torch.rand(1, 4, *networks.shape(network))
    assert torch.allclose(net.eval()(x[0]), cohort.of(spec, theta).forward(x)[0], atol=1e-5)
    assert sum(p.numel() for group in optimiser.param_groups for p in group["params"]) == sum(
        value.numel() for name, value in theta.items() if "running" not in name
    )


def test_the_conventional_loop_feeds_moved_images_where_the_experiment_does():
    for network, moves in (("conv2", 0), ("resnet20", 2)):
        train, evaluated = conventional.loaders(specs.spec(network), cost.scaled(specs.spec(network), 1))
        assert len(train.dataset.transform.transforms) == moves + 1
        assert len(evaluated.dataset.transform.transforms) == 1
        x, y = next(iter(train))
        assert (x.shape[1:], x.dtype, y.dtype) == ((3, 32, 32), torch.float32, torch.int64)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A whole record, of a network so small that it takes seconds."""
    store = tmp_path_factory.mktemp("store")
    run(
        specs.spec("lenet", "quick", trials=1, rounds=1, arms=("ticket",), iterations=4, eval_every=4), store, workers=1
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "LEVELS", (100, 10))
        patch.setattr(bench, "LENGTH", {"lenet": 2})
        record = bench.bench([("lenet", "fp32")], "cpu", turns=1, store=store)
    return json.loads(json.dumps(record))


def test_every_part_of_a_record_can_be_drawn(found, tmp_path):
    (tmp_path / "bench-here.json").write_text(json.dumps(found))
    (again,) = speed_page.recorded(tmp_path)
    for name, record in speed_page.RECORDS.items():
        assert again[record]
        shown = getattr(speed_page, name)(again)
        assert again["machine"]["device"] in shown.caption
    assert "Lenet-300-100" in repr(speed_page.speed(again))
    assert bench.as_line(found["speed"][0]).startswith("lenet     fp32")
    assert "GFLOP/s" in bench.as_text(found)


def test_a_ticket_with_fewer_weights_has_a_smaller_file(found):
    first, second = found["tickets"]
    assert (first["remaining"], round(second["remaining"], 1)) == (100, 80.0)
    assert second["files"][3]["bytes"] < first["files"][3]["bytes"]
    assert second["files"][0]["bytes"] == first["files"][0]["bytes"]  # dense


def test_without_records_one_line_says_how_to_make_one(tmp_path):
    with pytest.raises(StoreError, match="make one with lth bench --json"):
        speed_page.recorded(tmp_path)
    (tmp_path / "bench-here.json").write_text("{")
    with pytest.raises(StoreError, match="is not JSON"):
        speed_page.recorded(tmp_path)
