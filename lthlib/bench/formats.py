"""Does a ticket get smaller or faster? The bytes of its weights in three formats, and the time of one sparse product.

Nothing is trained here. Files are raw: values one after the other, little-endian, without names and shapes, because
the network says those. Times are those of one thread of this machine's CPU. What is timed is y = x Wᵀ, a layer's way
forward. Training would gain less: there the gradient of every weight is computed as well.
"""

import io
import math
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from lthlib.core.streams import stream

# --------------------------------------------------------------------------------------------------------------- bytes


def ticket(theta: dict[str, Tensor], mask: dict[str, Tensor]) -> dict[str, Tensor]:
    """m ⊙ θ of one network, [*shape] each, with +0.0 where it is pruned; what has no mask (biases) stays as it is.

    ValueError where a weight is not float32 or its mask has another shape.
    """
    for name, w in theta.items():
        if w.dtype != torch.float32 or mask.get(name, w).shape != w.shape:
            raise ValueError(f"{name}: wants float32 and a mask of the same shape, one network at a time")
    return {name: torch.where(mask[name] != 0, w, 0.0) if name in mask else w for name, w in theta.items()}


def _dense(w: np.ndarray, kept: np.ndarray) -> list[np.ndarray]:
    return [w]


def _read_dense(file: io.BytesIO, rows: int, columns: int) -> np.ndarray:
    return _read(file, "<f4", rows * columns).reshape(rows, columns)


def _bits(w: np.ndarray, kept: np.ndarray) -> list[np.ndarray]:
    return [np.packbits(kept), w[kept]]


def _read_bits(file: io.BytesIO, rows: int, columns: int) -> np.ndarray:
    size = rows * columns
    kept = np.unpackbits(_read(file, "u1", -(-size // 8)), count=size).reshape(rows, columns).astype(bool)
    w = np.zeros((rows, columns), "<f4")
    w[kept] = _read(file, "<f4", kept.sum())
    return w


def _csr(w: np.ndarray, kept: np.ndarray) -> list[np.ndarray]:
    starts = np.concatenate([[0], kept.sum(1).cumsum()])
    return [starts.astype("<i4"), kept.nonzero()[1].astype("<i4"), w[kept]]


def _read_csr(file: io.BytesIO, rows: int, columns: int) -> np.ndarray:
    starts = _read(file, "<i4", rows + 1)
    places = np.repeat(np.arange(rows), np.diff(starts)), _read(file, "<i4", starts[-1])
    w = np.zeros((rows, columns), "<f4")
    w[places] = _read(file, "<f4", starts[-1])
    return w


def _read(file: io.BytesIO, dtype: str, count: int) -> np.ndarray:
    return np.frombuffer(file.read(int(count) * np.dtype(dtype).itemsize), dtype)


# Every weight; one bit per weight, then the survivors; row starts and columns (int32), then the survivors.
FORMATS = {"dense": (_dense, _read_dense), "bit mask": (_bits, _read_bits), "CSR": (_csr, _read_csr)}


def encode(theta: dict[str, Tensor], mask: dict[str, Tensor], form: str) -> bytes:
    """The file of a ticket in one of the FORMATS. A tensor [a, b, ...] is the matrix [a, b · ...]."""
    parts = []
    for name, w in ticket(theta, mask).items():
        write = FORMATS[form][0] if name in mask else _dense  # what has no mask is needed whole
        kept = mask.get(name, torch.ones_like(w)) != 0
        parts += write(*(t.detach().cpu().numpy().reshape(_matrix(w.shape)) for t in (w, kept)))
    return b"".join(part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes() for part in parts)


def decode(data: bytes, shapes: dict[str, tuple[int, ...]], masked: Iterable[str], form: str) -> dict[str, Tensor]:
    """The ticket in a file, bit for bit: `shapes` as in the θ that was encoded, `masked` the names that had a mask."""
    file, masked = io.BytesIO(data), set(masked)
    theta = {}
    for name, shape in shapes.items():
        read = FORMATS[form][1] if name in masked else _read_dense
        theta[name] = torch.from_numpy(read(file, *_matrix(shape)).astype(np.float32)).reshape(shape)
    return theta


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0], math.prod(shape[1:])) if shape else (1, 1)


def stored(theta: dict[str, Tensor], mask: dict[str, Tensor]) -> pd.DataFrame:
    """The bytes of one network's ticket in each of the FORMATS, as it is and compressed with zlib, level 6 (as gzip).

    One line each: `format`, `compressed`, `bytes`, `per_weight` (bytes per surviving weight; not a number when none
    survives). Biases are in every file, but are not counted as weights.
    """
    left = sum(int((m != 0).sum()) for m in mask.values())
    lines = []
    for form in FORMATS:
        data = encode(theta, mask, form)
        for compressed in (False, True):
            size = len(zlib.compress(data, 6)) if compressed else len(data)
            per_weight = size / left if left else math.nan
            lines.append({"format": form, "compressed": compressed, "bytes": size, "per_weight": per_weight})
    return pd.DataFrame(lines)


# ---------------------------------------------------------------------------------------------------------------- time

Product = Callable[[], Tensor]


def scattered(shape: tuple[int, int], remaining: float, generator: torch.Generator, block: int = 1) -> Tensor:
    """A random 0/1 mask [out, in] that keeps `remaining` percent of its square blocks, of `block` weights a side.

    RuntimeError where the shape is not made of whole blocks.
    """
    if any(side % block for side in shape):
        raise RuntimeError(f"{_name(shape)} is not made of whole blocks of {block} x {block}")
    grid = [side // block for side in shape]
    mask = torch.zeros(math.prod(grid))
    mask[torch.randperm(len(mask), generator=generator)[: round(len(mask) * remaining / 100)]] = 1.0
    return mask.view(grid).repeat_interleave(block, 0).repeat_interleave(block, 1)


def rectangle(shape: tuple[int, int], remaining: float, generator: torch.Generator) -> Tensor:
    """The mask [out, in] of whole units: both sides times √(remaining / 100), so about as many weights are left."""
    mask = torch.zeros(shape)
    mask[tuple(slice(max(1, round(side * math.sqrt(remaining / 100)))) for side in shape)] = 1.0
    return mask


def dense(w: Tensor, mask: Tensor, x: Tensor) -> Product:
    """The product with the zeros in it."""
    pruned = w * mask
    return lambda: F.linear(x, pruned)


def masked(w: Tensor, mask: Tensor, x: Tensor) -> Product:
    """The mask is multiplied in each time, as in most experiments with pruning."""
    return lambda: F.linear(x, w * mask)


def sparse(w: Tensor, mask: Tensor, x: Tensor, block: int = 0) -> Product:
    """CSR, or BSR with blocks of the given side, in the way found to be the fastest that torch has on a CPU.

    Indices are int32; x lies [in, batch] in memory, with zeros up to a multiple of 16 in the batch. All of that is done
    beforehand, and the product lies as the next sparse layer wants it. F.linear with a sparse W is up to three times
    slower. With a rest of the batch, MKL's BSR can be thirty times slower, until denormals are flushed to zero.
    """
    pruned = w * mask
    w = pruned.to_sparse_bsr((block, block)) if block else pruned.to_sparse_csr()
    indices = w.crow_indices().int(), w.col_indices().int()
    w = torch.sparse_compressed_tensor(*indices, w.values(), w.shape, layout=w.layout, check_invariants=False)
    columns = F.pad(x, (0, 0, 0, -len(x) % 16)).T.contiguous()
    return lambda: (w @ columns).T[: len(x)]


def compact(w: Tensor, mask: Tensor, x: Tensor) -> Product:
    """A smaller dense matrix: what is left of a rectangle. y has the columns of the units that are left."""
    rows, columns = (int(mask.amax(dim).sum()) for dim in (1, 0))
    w, x = w[:rows, :columns].contiguous(), x[:, :columns].contiguous()
    return lambda: F.linear(x, w)


# What is left of W, and how it is multiplied. Compact is the bound of structured pruning, not a winning ticket.
KERNELS: dict[str, tuple[Callable[..., Tensor], Callable[..., Product]]] = {
    "dense": (scattered, dense),
    "masked": (scattered, masked),
    "CSR": (scattered, sparse),
    "BSR 4": (partial(scattered, block=4), partial(sparse, block=4)),
    "BSR 16": (partial(scattered, block=16), partial(sparse, block=16)),
    "compact": (rectangle, compact),
}


def kernels(
    shapes: Iterable[tuple[int, int]], remaining: Iterable[float], batch: int, repeats: int = 31, seed: int = 0
) -> pd.DataFrame:
    """The measured time of y = x Wᵀ in each of the KERNELS, for layers [out, in] and percents of weights remaining.

    One line per shape ("out x in"), percent and kernel: `batch`, `weights` (how many are left: blocks and units are
    whole), `microseconds` (the median of `repeats`, with its quartiles `low` and `high`), `speed_up` (the median over
    turns of dense time / this kernel's) and `why`. Where a kernel is not available, the times are not numbers and `why`
    gives the reason.

    Kernels take turns, so that a slow phase of the machine hits all of them, and each is called once untimed before it
    is timed, so that its own weights are in the caches. One thread; how many there were is restored. Time is what the
    CPU spent on this process, which other programs disturb less than the clock (asking for it costs under 1 µs).
    """
    remaining = list(remaining)
    with _one_thread(), _no_beta_warning(), torch.inference_mode():
        lines = [
            line
            for outputs, inputs in shapes
            for p in remaining
            for line in _measure((outputs, inputs), p, batch, repeats, seed)
        ]
    return pd.DataFrame(lines)


def _measure(shape: tuple[int, int], remaining: float, batch: int, repeats: int, seed: int) -> Iterator[dict]:
    random = stream(seed, "sizes", *shape, batch)
    w, x = torch.randn(shape, generator=random), torch.randn(batch, shape[1], generator=random)
    products, weights, why = {}, {}, {}
    for name, (pattern, kernel) in KERNELS.items():
        try:
            mask = pattern(shape, remaining, stream(seed, "pattern", *shape, remaining))  # dense, masked, CSR: the same
            product = kernel(w, mask, x)
            product()
        except RuntimeError as error:  # so says torch where a build or a device has no such product
            why[name] = str(error).partition("\n")[0]
        else:
            products[name], weights[name] = product, int(mask.sum())
    times = _in_turns(products, repeats)
    for name in KERNELS:
        own = times.get(name, np.full(repeats, math.nan))
        low, median, high = np.quantile(own, [0.25, 0.5, 0.75])
        yield {
            "shape": _name(shape),
            "batch": batch,
            "remaining": remaining,
            "kernel": name,
            "weights": weights.get(name, 0),
            "microseconds": median,
            "low": low,
            "high": high,
            "speed_up": np.median(times["dense"] / own),
            "why": why.get(name, ""),
        }


def _in_turns(products: dict[str, Product], repeats: int) -> dict[str, np.ndarray]:
    """Microseconds of each call, [repeats] per kernel."""
    times = {name: np.empty(repeats) for name in products}
    for turn in range(repeats):
        for name, product in products.items():
            product()
            start = time.process_time_ns()
            product()
            times[name][turn] = (time.process_time_ns() - start) / 1_000
    return times


def break_even(table: pd.DataFrame, kernel: str = "CSR") -> pd.DataFrame:
    """At how many percent remaining a kernel first beats the dense one, from a table of `kernels`.

    One line per shape and batch: `remaining`, interpolated between the two measured percents around it, on logarithms
    of percent and speed-up, and `how` it was found. Not a number where the kernel never wins or was not available. A
    kernel about as fast as the dense one crosses by chance.
    """
    lines = []
    for (shape, batch), part in table[table["kernel"] == kernel].groupby(["shape", "batch"], sort=False):
        found, how = _crossing(part.sort_values("remaining", ascending=False))
        lines.append({"shape": shape, "batch": batch, "kernel": kernel, "remaining": found, "how": how})
    return pd.DataFrame(lines)


def _crossing(part: pd.DataFrame) -> tuple[float, str]:
    known = part[part["speed_up"].notna()]
    if known.empty:
        return math.nan, f"not available: {part['why'].iloc[0]}"
    percent, gain = known["remaining"].to_numpy(dtype=float), known["speed_up"].to_numpy()
    if not (gain >= 1).any():
        return math.nan, f"none found down to {percent[-1]:g} %"
    n = int((gain >= 1).argmax())
    if n == 0:
        return percent[0], f"already at {percent[0]:g} %, the most that was measured"
    x = np.interp(0, np.log(gain[n - 1 : n + 1]), np.log(percent[n - 1 : n + 1]))
    return float(np.exp(x)), f"between {percent[n - 1]:g} and {percent[n]:g} %"


def _name(shape: tuple[int, int]) -> str:
    return " x ".join(map(str, shape))


@contextmanager
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _no_beta_warning():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse (CSR|BSR) tensor support is in beta", UserWarning)
        yield
