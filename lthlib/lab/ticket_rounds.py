"""All masks of one trial's tickets in one small file: of each weight, in how many rounds it was left.

    <store>/<network>-<key>.tickets.t0.npz    a zip of arrays: uint8 [*shape] per pruned layer, and `about`, of JSON

Masks are nested, so the mask of round n is `layer > n`: round 0 has every weight, and the round after the last that was
trained is there too, so that it can be trained. What a file says of itself is in `ABOUT`. With NumPy alone:

    kept = np.load("results/lenet-0123456789ab.tickets.t0.npz")
    mask = kept["fc1.weight"] > 3  # after three prunings
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lthlib import specs

Masks = dict[str, np.ndarray]  # one network's, booleans, by layer

ABOUT = {
    "key": str,
    "network": str,
    "spec": str,  # as it was asked for last, `specs.as_json`
    "trial": int,
    "rounds": int,  # the last that was trained
    "theta0": str,  # `checksum` of the initial weights, which follow from the seed
    "data_sha256": str,
    "versions": str,  # of what trained the dense network, as JSON
    "commit": str,
    "results_version": int,
}
NAME = re.compile(r"([a-z0-9_]+-[0-9a-f]{12})\.tickets\.t(\d+)\.npz")
MOST = 253  # rounds that fit a byte, with the next
LARGEST = 5_000_000  # bytes of a file that may be committed
UNPACKED = 256_000_000  # bytes of arrays that are read at most


@dataclass(frozen=True)
class Chain:
    """The masks of one trial's tickets, nested: `left` has for each layer, in order, in how many of them a weight is,
    uint8 [*shape]; `about` is what ABOUT says."""

    about: dict[str, Any]
    left: dict[str, np.ndarray]

    @property
    def rounds(self) -> int:
        """The last round that was trained; there is one more mask."""
        return self.about["rounds"]

    @property
    def name(self) -> str:
        """What its file is called."""
        return file_name(self.about["network"], self.about["key"], self.about["trial"])

    def mask(self, n: int) -> Masks:
        """The mask of round n, of 0 to `rounds` + 1: booleans [*shape]."""
        return {layer: count > n for layer, count in self.left.items()}

    def until(self, n: int) -> "Chain":
        """The same up to round n and its next mask, n at most `rounds`."""
        left = {layer: np.minimum(count, np.uint8(n + 2)) for layer, count in self.left.items()}
        return replace(self, about={**self.about, "rounds": n}, left=left)


def file_name(network: str, key: str, trial: int) -> str:
    """What the file of a trial's tickets is called."""
    return f"{network}-{key}.tickets.t{trial}.npz"


def stack(masks: Iterable[Masks]) -> dict[str, np.ndarray]:
    """In how many of these masks each weight is, uint8 [*shape]. Raises ValueError if they are not nested, do not begin
    with all weights, or are more than a byte can count."""
    left: dict[str, np.ndarray] = {}
    before: Masks = {}
    for n, mask in enumerate(masks):
        if n > MOST + 1:
            raise ValueError(f"of more than {MOST} rounds there is no such file")
        for layer, m in mask.items():
            if not (m <= before[layer]).all() if before else not m.all():
                raise ValueError(f"the mask of round {n} has weights that are not in the one before")
        left = {layer: left.get(layer, np.uint8(0)) + m.astype(np.uint8) for layer, m in mask.items()}
        before = mask
    return left


def joined(ours: Chain, theirs: Chain) -> Chain:
    """The longer of two chains that agree, ours if neither is. Raises ValueError, with where, if they do not."""
    for name in ("key", "trial", "theta0", "data_sha256", "results_version"):
        if ours.about[name] != theirs.about[name]:
            raise ValueError(f"{'their initial weights' if name == 'theta0' else name} are others")
    n = min(ours.rounds, theirs.rounds)
    (a, b) = (chain.until(n).left for chain in (ours, theirs))
    if a.keys() != b.keys() or any(a[layer].shape != b[layer].shape for layer in a):
        raise ValueError("their layers are others")
    if differ := [np.minimum(a[layer], b[layer])[where] for layer in a if (where := a[layer] != b[layer]).any()]:
        raise ValueError(f"the masks of round {min(int(counts.min()) for counts in differ)} are others")
    return theirs if theirs.rounds > ours.rounds else ours


def checksum(theta: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, shapes and float32 bytes (little-endian) of one network's weights, in order of names."""
    digest = hashlib.sha256()
    for name, value in sorted(theta.items()):
        digest.update(f"{name} {list(value.shape)}\n".encode() + np.ascontiguousarray(value, "<f4").tobytes())
    return digest.hexdigest()


def as_bytes(chain: Chain) -> bytes:
    """A file's content, the same whenever it is made: NumPy reads it. LZMA is an eighth smaller here than deflate."""
    content = io.BytesIO()
    about = np.array(json.dumps({name: chain.about[name] for name in ABOUT}))
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as packed:
        for name, array in {"about": about, **chain.left}.items():
            with packed.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return content.getvalue()


def read(file: Path) -> Chain:
    """The chain of a file. Raises whatever a damaged or foreign file makes its reader raise; ValueError if it is whole
    and says what cannot be."""
    with zipfile.ZipFile(file) as packed:
        if sum(member.file_size for member in packed.infolist()) > UNPACKED:
            raise ValueError("it holds more than tickets would take")
        arrays = {name.removesuffix(".npy"): _array(packed.read(name)) for name in packed.namelist()}
    if "about" not in arrays:
        raise ValueError("it does not say what it is")
    about = _about(str(arrays.pop("about")))
    if file.name != file_name(about["network"], about["key"], about["trial"]):
        raise ValueError("it holds tickets of another trial or experiment")
    for layer, left in arrays.items():
        if left.dtype != np.uint8 or not left.size or left.min() < 1 or left.max() > about["rounds"] + 2:
            raise ValueError(f"{layer} does not say in how many rounds a weight was left")
    if not arrays:
        raise ValueError("it has no layer")
    return Chain(about, arrays)


def _array(content: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _about(text: str) -> dict[str, Any]:
    about = json.loads(text)
    if not isinstance(about, dict) or any(type(about.get(name)) is not kind for name, kind in ABOUT.items()):
        raise ValueError("it does not say what it is")
    if not (0 <= about["rounds"] <= MOST and about["trial"] >= 0):
        raise ValueError("it has no such number of rounds, or no such trial")
    spec = specs.from_json(about["spec"])
    if (specs.key(spec), spec.network) != (about["key"], about["network"]):
        raise ValueError("its experiment has another key")
    return {name: about[name] for name in ABOUT}
