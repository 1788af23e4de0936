"""What a process does to itself before it trains on a CPU: one thread, no denormals, kept memory, exact products."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lthlib.core.streams import stream

EXACT = 2e-6  # a relative error that single precision may have in a product of a few hundred terms


def prepare() -> None:
    """One thread wherever a network is trained, because sums over several round differently; and the settings below."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # slow, and what Adam's moments of rarely used inputs decay into
    keep_memory()
    choose_products()


@contextmanager
def prepared() -> Iterator[None]:
    """`prepare`, and afterwards this process as it was, except that it keeps its memory."""
    threads = torch.get_num_threads()
    prepare()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
        _multiply_in("none")


def keep_memory() -> bool:
    """Ask the C library to keep freed memory for the next tensor of that size: given back, each page of it would be
    cleared by the kernel again at every iteration. Whether it did; only glibc can."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 1 << 30) and mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def choose_products() -> str:
    """Single-precision products through oneDNN where that is exact, else as torch has it; which: "oneDNN" or "default".

    On some processors oneDNN's products are twice as fast. Its bfloat16 mode has to be asked for to get them: where the
    processor has no units for that it computes in single precision all the same, and where it has it must be left.
    """
    try:
        _multiply_in("bf16")
        if error(256) <= EXACT:
            return "oneDNN"
    except RuntimeError:  # a torch without oneDNN
        pass
    _multiply_in("none")
    return "default"


def _multiply_in(precision: str) -> None:
    # torch makes this attribute while it is imported, which its types do not say
    torch.backends.mkldnn.matmul.fp32_precision = precision  # type: ignore[attr-defined]


def error(size: int) -> float:
    """The relative error of a product of two matrices [size, size], against double precision."""
    a, b = torch.randn(2, size, size, generator=stream(0, "error"))
    exact = a.double() @ b.double()
    return float((a @ b - exact).norm() / exact.norm())
