"""Files give back every bit of a ticket, kernels compute the dense product; of times only the table is tested."""

import math
import zlib

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch.nn import functional as F

from lthlib import specs
from lthlib.bench import formats
from lthlib.core.streams import stream
from lthlib.engine import networks

SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=5)
WEIGHTS = SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=st.floats(width=32)))  # NaN, -0.0, inf
each_kernel = pytest.mark.parametrize("kernel", formats.KERNELS)


def bits(theta):
    return {name: (w.shape, w.contiguous().view(torch.int32).tolist()) for name, w in theta.items()}


def masks_like(w):
    return st.one_of(
        st.just(np.ones_like(w)),
        st.just(np.zeros_like(w)),
        arrays.arrays(np.float32, w.shape, elements=st.sampled_from([0.0, 1.0])),
    )


@given(st.lists(WEIGHTS, min_size=1, max_size=3), st.data())
def test_every_file_gives_back_every_bit(weights, data):
    theta = {f"w{n}": torch.from_numpy(w) for n, w in enumerate(weights)} | {"bias": torch.randn(3)}
    mask = {f"w{n}": torch.from_numpy(data.draw(masks_like(w))) for n, w in enumerate(weights)}
    ticket = formats.ticket(theta, mask)
    shapes = {name: tuple(w.shape) for name, w in theta.items()}
    table = formats.stored(theta, mask).set_index(["format", "compressed"])
    for form in formats.FORMATS:
        file = formats.encode(theta, mask, form)
        assert bits(formats.decode(file, shapes, mask, form)) == bits(ticket)
        assert table.loc[(form, False), "bytes"] == len(file)
        assert table.loc[(form, True), "bytes"] == len(zlib.compress(file, 6))


def test_a_pruned_weight_is_plain_zero_whatever_it_was():
    w = torch.tensor([[-1.0, math.nan], [math.inf, -0.0]])
    assert bits(formats.ticket({"w": w}, {"w": torch.zeros(2, 2)})) == bits({"w": torch.zeros(2, 2)})
    assert bits(formats.ticket({"w": w}, {"w": torch.ones(2, 2)})) == bits({"w": w})


def test_bytes_of_lenet_are_what_can_be_counted_by_hand():
    theta = networks.init(networks.build(specs.spec("lenet")), stream(0, "init"))
    mask = {name: torch.zeros_like(theta[name]) for name in networks.layers(networks.build(specs.spec("lenet")))}
    for m in mask.values():
        m.view(-1)[::20] = 1.0  # 5 %
    left, biases = 266_200 // 20, 410
    table = formats.stored(theta, mask).set_index(["format", "compressed"])
    plain = table.xs(False, level="compressed")["bytes"]
    assert plain["dense"] == 4 * (266_200 + biases)
    assert plain["bit mask"] == 266_200 // 8 + 4 * (left + biases)
    assert plain["CSR"] == 4 * (410 + 3) + 4 * left + 4 * (left + biases)
    np.testing.assert_allclose(table["per_weight"], table["bytes"] / left)


def test_nothing_left_has_no_bytes_per_weight():
    table = formats.stored({"w": torch.randn(4, 4)}, {"w": torch.zeros(4, 4)})
    assert table["per_weight"].isna().all()
    assert (table["bytes"] > 0).all()


@pytest.mark.parametrize(
    ("w", "mask"), [(torch.randn(2, 2).double(), torch.ones(2, 2)), (torch.randn(2, 2), torch.ones(3, 2, 2))]
)
def test_what_would_not_come_back_is_refused(w, mask):
    with pytest.raises(ValueError, match="w: wants float32 and a mask of the same shape"):
        formats.stored({"w": w}, {"w": mask})


@each_kernel
@pytest.mark.filterwarnings("ignore:Sparse (CSR|BSR) tensor support is in beta:UserWarning")
@pytest.mark.parametrize("remaining", [100, 37.5, 5, 0])
@pytest.mark.parametrize("shape", [(32, 48), (16, 160)])
def test_a_kernel_computes_the_dense_product(kernel, remaining, shape):
    pattern, product = formats.KERNELS[kernel]
    w, x = (torch.randn(n, shape[1], generator=stream(n, "test")) for n in (shape[0], 7))
    mask = pattern(shape, remaining, stream(0, "mask"))
    try:
        y = product(w, mask, x)()
    except RuntimeError as error:
        pytest.skip(f"not in this build of torch: {error}")
    expected = F.linear(x, w * mask)
    torch.testing.assert_close(y, expected[:, : y.shape[1]])
    assert (expected[:, y.shape[1] :] == 0).all()


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 2, 4]), st.floats(0, 100))
def test_scattered_blocks_are_whole_and_as_many_as_asked_for(rows, columns, block, remaining):
    mask = formats.scattered((rows * block, columns * block), remaining, stream(0, "mask"), block)
    blocks = mask.view(rows, block, columns, block).sum((1, 3))
    assert set(blocks.flatten().tolist()) <= {0.0, float(block**2)}
    assert blocks.count_nonzero() == round(rows * columns * remaining / 100)


def test_the_table_has_every_kernel_and_the_threads_are_as_before():
    torch.set_num_threads(2)
    try:
        table = formats.kernels([(16, 32), (12, 8)], (50, 10), batch=3, repeats=3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert len(table) == 2 * 2 * len(formats.KERNELS)
    missing = table[table["microseconds"].isna()]
    assert table[table["kernel"] == "dense"]["speed_up"].eq(1).all()
    assert (missing["why"] != "").all()
    assert missing[["low", "high", "speed_up"]].isna().all(axis=None)
    reasons = table[(table["kernel"] == "BSR 16") & (table["shape"] == "12 x 8")]["why"]
    assert (reasons == "12 x 8 is not made of whole blocks of 16 x 16").all()
    known = table.drop(missing.index)
    assert (known["why"] == "").all()
    assert known["low"].le(known["microseconds"]).all()
    assert known["microseconds"].le(known["high"]).all()
    for line in table[table["kernel"].isin(["dense", "masked"])].itertuples():
        assert line.weights == round({"16 x 32": 512, "12 x 8": 96}[line.shape] * line.remaining / 100)


def measured(speed_up, why=""):
    return pd.DataFrame(
        {"shape": "a", "batch": 1, "kernel": "CSR", "remaining": [10, 100, 1], "speed_up": speed_up}
    ).assign(why=why)


@pytest.mark.parametrize(
    ("speed_up", "why", "remaining", "how"),
    [
        ([0.5, 0.1, 2.0], "", math.sqrt(10), "between 10 and 1 %"),
        ([1.0, 0.1, 9.0], "", 10, "between 100 and 10 %"),
        ([3.0, 2.0, 9.0], "", 100, "already at 100 %, the most that was measured"),
        ([0.5, 0.1, 0.9], "", math.nan, "none found down to 1 %"),
        ([math.nan] * 3, "no MKL", math.nan, "not available: no MKL"),
    ],
)
def test_break_even_is_between_the_measured_percents(speed_up, why, remaining, how):
    (line,) = formats.break_even(measured(speed_up, why)).to_dict("records")
    assert line["remaining"] == pytest.approx(remaining, nan_ok=True)
    assert line["how"] == how
