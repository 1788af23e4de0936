"""How fast training is here: our engine, a conventional PyTorch loop of the same work, and the bare products in it.

Ours and the conventional loop (`conventional`) are fed random pixels of the real shapes, and both evaluate as
many images per iteration as the experiment does.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lthlib import specs
from lthlib.bench import formats
from lthlib.bench.conventional import conventional
from lthlib.engine import arms, cohort, evaluation, machine, networks, pruning
from lthlib.engine.data import FLAT
from lthlib.engine.feed import Feed
from lthlib.engine.sources import EXAMPLES
from lthlib.engine.train import OPTIMISERS
from lthlib.lab import cost, provenance
from lthlib.lab.cost import paces, peak
from lthlib.lab.store import Store
from lthlib.lab.workers import choose_device, pool, processes
from lthlib.specs import Rep, Spec

CASES = (("lenet", "fp32"), *((f"conv{n}", p) for n in (2, 4, 6) for p in ("fp32", "bf16")), ("resnet20", "bf16"))
LENGTH = {"lenet": 50}  # iterations of a stretch; others:
SHORT = 4


def bench(
    cases=CASES,
    device: str = "auto",
    turns: int = 3,
    store: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Everything below, as `lth bench --json` prints it."""
    device = choose_device(device)
    found: dict[str, Any] = {
        "machine": about(device),
        "speed": [],
        "replicates": [],
        "cores": [],
        "parts": [],
        "kernels": [],
        "tickets": [],
    }
    for network, precision in cases:
        found["speed"].append(speed(specs.spec(network, precision=precision), device, turns))
        tell(as_line(found["speed"][-1]))
    network, precision = cases[0]
    first = specs.spec(network, precision=precision)
    found |= {"replicates": replicates(first, device), "cores": cores(first, device)}
    found["parts"] = [row for case in cases for row in parts(specs.spec(case[0], precision=case[1]), device)]
    if device == "cpu":
        found["kernels"] = kernels()
        found["tickets"] = [] if store is None else saved(Store(store))
    return found


def about(device: str) -> dict:
    """The machine and its versions, and the products it does at best: of two square matrices, in GFLOP/s of one core
    (or of the accelerator)."""
    best = {}
    with machine.prepared():
        for precision in ("fp32", "bf16"):
            kind = torch.bfloat16 if precision == "bf16" else torch.float32
            a, b = torch.rand(2, 2048, 2048, device=device).to(kind)
            best[precision] = round(2 * 2048**3 / _median(lambda a=a, b=b: a @ b, device, 7) / 1e9)
    about = {"cores": processes(None, "cpu"), "versions": json.loads(provenance.versions())}
    made = {"made": datetime.now(UTC).date().isoformat(), "commit": provenance.COMMIT}
    name = provenance.processor() if device == "cpu" else provenance.device_name(device)
    return {"device": name, **about, "system": platform.system(), "gflops": best, **made}


def speed(spec: Spec, device: str, turns: int) -> dict:
    """Milliseconds per iteration of one network: ours (all cores), the conventional loop's (all threads), turn about in
    one run, medians; of the bare products; and the shares they make."""
    spec = replace(spec, train_eval=1)  # both evaluate validation and test images
    length = LENGTH.get(spec.network, SHORT)
    count = processes(None, device)
    ours, theirs, bare = [], [], []
    with pool(count, device) as run:
        for _ in range(turns):
            ours += together(run, count, spec, length, device)
            theirs += conventional(replace(spec, precision="fp32"), length, device)
            bare += run(products, [spec] * count, [device] * count)
        used = [held + cost.images(spec) for held in run(peak, [device] * count)]
    pace, usual = statistics.median(ours), statistics.median(theirs)
    product, operations = statistics.median(seconds for seconds, _ in bare), bare[0][1]
    return {
        "network": spec.network,
        "precision": spec.precision,
        "ours_ms": 1000 * pace,
        "conventional_ms": 1000 * usual,
        "ratio": usual / pace,
        "products_ms": 1000 * product / count,
        "share": product / count / pace,
        "gflops": operations / pace / 1e9 / count,
        "memory": max(used),
        "processes": count,
    }


def replicates(spec: Spec, device: str) -> list[dict]:
    """Milliseconds per iteration of R networks in one process, for several R: linear if R times that of one."""
    counts = (1, 2, 4, 8) if device == "cpu" else (1, 5, 15, 60)
    length = LENGTH.get(spec.network, SHORT)
    with machine.prepared():
        rounds = [{n: statistics.median(paces(spec, length, n, device, 3)) for n in counts} for _ in range(3)]
    return [
        {"network": spec.network, "replicates": n, "ms": 1000 * n * statistics.median(r[n] for r in rounds)}
        for n in counts
    ]


def cores(spec: Spec, device: str) -> list[dict]:
    """Trainings per second relative to one process, for 1, 2, 4, ... processes up to the cores; nothing for a GPU."""
    if device != "cpu":
        return []
    most = processes(None, device)
    counts = [n for n in (1, 2, 4, 8, 16, 32, 64) if n < most] + [most]
    length = LENGTH.get(spec.network, SHORT)
    with pool(most, device) as run:
        turns = [{n: statistics.median(together(run, n, spec, length, device)) for n in counts} for _ in range(3)]
    alone = statistics.median(turn[1] for turn in turns)
    return [
        {"network": spec.network, "processes": n, "speed_up": alone / statistics.median(turn[n] for turn in turns)}
        for n in counts
    ]


def parts(spec: Spec, device: str) -> list[dict]:
    """Where the milliseconds of an iteration go, in one process: each part alone, medians, and of gradient and
    evaluation what the bare products take."""
    spec = replace(spec, train_eval=1)
    length = LENGTH.get(spec.network, SHORT)
    images = cost.scaled(spec, length, device).to(device)
    theta = {name: value.to(device) for name, value in arms.initial(spec, [0]).items()}
    mask = {name: torch.ones_like(theta[name]) for name in pruning.rates(spec)}
    rep, split = Rep("ticket", 0), images.split(spec.seed, 0)
    with machine.prepared():
        nets = cohort.of(spec, theta)
        optimiser = OPTIMISERS[spec.optimiser](spec, {name: theta[name] for name in nets.trained})
        feed = Feed(spec, [rep], [split[0]], images, nets.units)
        exams = evaluation.exams(spec, [rep], [split], images)
        feed.load(0, length)
        x, y, keep, lr = feed.next()
        gradient = nets.gradient(x, y, keep)
        times = {
            "batch": (
                _median(lambda: feed.load(0, length), device, 5) + _median(lambda: _drain(feed, length), device, 5)
            )
            / length,
            "gradient": _median(lambda: nets.gradient(x, y, keep), device, 15),
            "masks": _median(lambda: [gradient[name].mul_(m) for name, m in mask.items()], device, 15),
            "optimiser": _median(lambda: optimiser.step(gradient, lr), device, 15),
            "evaluation": _median(lambda: evaluation.evaluate(nets, exams), device, 5) / length,
        }
        bare = dict(zip(("gradient", "evaluation"), _products(spec, device)[:2], strict=True))
    record = {"network": spec.network, "precision": spec.precision}
    return [{**record, "part": p, "ms": 1000 * t, "products_ms": 1000 * bare.get(p, 0.0)} for p, t in times.items()]


def _drain(feed: Feed, length: int) -> None:
    feed.now.zero_()
    for _ in range(length):
        feed.next()


def kernels() -> list[dict]:
    """Dense and sparse products of two layers of the paper's networks: `formats.kernels`."""
    layers = [((300, 784), 60), ((300, 784), 1_000), ((256, 16_384), 60)]
    found = pd.concat([formats.kernels([shape], LEVELS, batch, repeats=15) for shape, batch in layers])
    return json.loads(found.round(4).to_json(orient="records"))


LEVELS = (100, 50, 20, 10, 5, 2, 1, 0.5)  # percent of weights remaining


def saved(store: Store) -> list[dict]:
    """What each round's ticket of a trial of Lenet takes: bytes of its files, and milliseconds per iteration of its
    training, in which units that lead nowhere are left out (`slim`), turn about with the dense network's. No
    random pixel is always dark."""
    stored = [spec for spec in store.experiments(store.rows()) if spec.network == "lenet"]
    if not stored:
        return []
    spec = max(stored, key=lambda spec: sum(store.has(spec, Rep("ticket", 0, n)) for n in range(spec.rounds + 1)))
    theta = arms.initial(spec, [0])
    found = []
    with machine.prepared():
        for n in range(spec.rounds + 1):
            rep = Rep("ticket", 0, n)
            if not store.has(spec, rep):
                break
            kept = store.arrays(spec, rep)
            mask = {name: torch.from_numpy(kept[f"mask.{name}"])[None].float() for name in pruning.rates(spec)}
            files = formats.stored(*({name: value[0] for name, value in t.items()} for t in (theta, mask)))
            left = sum(int(m.sum()) for m in mask.values())
            turns = [[_pace(spec, None), _pace(spec, mask)] for _ in range(3)]
            dense, pace = (statistics.median(turn) for turn in zip(*turns, strict=True))
            found.append(
                {
                    "key": specs.key(spec),
                    "round": n,
                    "remaining": 100 * left / pruning.weights(spec),
                    "dense_ms": 1000 * dense,
                    "ms": 1000 * pace,
                    "files": json.loads(files.to_json(orient="records")),
                }
            )
    return found


def _pace(spec: Spec, mask: dict | None) -> float:
    return statistics.median(paces(spec, LENGTH[spec.network], stretches=3, mask=mask))


# --- ours -------------------------------------------------------------------------------------------------------------


def together(run: Callable, processes: int, spec: Spec, length: int, device: str) -> list[float]:
    """Seconds per iteration of one network when each of `processes` trains at once, stretch by stretch."""
    found = run(paces, *([value] * processes for value in (spec, length, 1, device, 4)))
    return [pace / processes for one in found for pace in one]


# --- the products alone -----------------------------------------------------------------------------------------------


def products(spec: Spec, device: str) -> tuple[float, float]:
    """Seconds and operations per iteration of the matrix products and convolutions alone, one thread, in the layout and
    precision that suit them best: forward, both gradients, and forward for each image evaluated."""
    with machine.prepared():
        trained, evaluated, operations = _products(spec, device)
    return trained + evaluated, operations


def _products(spec: Spec, device: str) -> tuple[float, float, float]:
    """Seconds of those of the gradient and of the evaluation, and the operations of both."""
    kind = torch.bfloat16 if spec.precision == "bf16" else torch.float32
    _, valid, test = EXAMPLES[spec.data]
    chunk = 1_000 if networks.shape(spec.network) == FLAT else 200
    chunks = (valid + test * evaluation.share(spec, device)) / spec.eval_every / chunk  # per iteration
    trained = evaluated = operations = 0.0
    for n, (layer, shape) in enumerate(_layers(spec)):
        w = torch.rand(layer.weight.shape, device=device).to(kind)
        forward, backward, count = _calls(
            layer, torch.rand(spec.batch, *shape, device=device).to(kind), w, first=n == 0
        )
        trained += sum(_median(call, device, 5) for call in (forward, *backward))
        operations += count * (1 + len(backward))
        forward, _, count = _calls(layer, torch.rand(chunk, *shape, device=device).to(kind), w, first=n == 0)
        evaluated += chunks * _median(forward, device, 5)
        operations += chunks * count
    return trained, evaluated, operations


def _layers(spec: Spec) -> list[tuple[nn.Conv2d | nn.Linear, tuple[int, ...]]]:
    """Each layer with weights, and the shape of one input of it."""
    net = networks.build(spec)
    seen: list[tuple[nn.Conv2d | nn.Linear, tuple[int, ...]]] = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda layer, given, _: seen.append((layer, tuple(given[0].shape[1:]))))
    net.eval()(torch.zeros(1, *networks.shape(spec.network), device="meta"))
    return seen


def _calls(layer: nn.Conv2d | nn.Linear, x: Tensor, w: Tensor, first: bool) -> tuple[Callable, list[Callable], int]:
    """The call that makes the outputs, those that make the gradients of weights and, except in the first layer, of
    inputs, and the operations of one of them."""
    if isinstance(layer, nn.Linear):
        y = F.linear(x, w)
        backward = [lambda: y.mT @ x, lambda: y @ w]
        return lambda: F.linear(x, w), backward[:1] if first else backward, 2 * y.numel() * w[0].numel()
    x, w = (t.contiguous(memory_format=torch.channels_last) for t in (x, w))
    assert not isinstance(layer.padding, str), "the paper's networks name a number"
    geometry = (layer.stride, layer.padding, layer.dilation)
    y = F.conv2d(x, w, None, *geometry)

    def gradient(of_inputs):
        wanted = [of_inputs, not of_inputs, False]
        return lambda: torch.ops.aten.convolution_backward(y, x, w, None, *geometry, False, [0], 1, wanted)

    backward = [gradient(False)] if first else [gradient(False), gradient(True)]
    return lambda: F.conv2d(x, w, None, *geometry), backward, 2 * y.numel() * w[0].numel()


def _median(call: Callable, device: str, times: int) -> float:
    """Seconds of a call: the median of several, after one for warmth."""
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        call()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


# --- for people -------------------------------------------------------------------------------------------------------


HEAD = "network   products   ours ms   usual ms   ratio   share of products   GFLOP/s a core   memory"


def as_line(row: dict) -> str:
    """One line of the table of speeds, under HEAD."""
    return (
        f"{row['network']:9} {row['precision']:8} {row['ours_ms']:9.2f} {row['conventional_ms']:10.2f}"
        f" {row['ratio']:7.1f} {100 * row['share']:17.0f} % {row['gflops']:16.0f} {cost.size(row['memory']):>8}"
    )


def as_text(found: dict) -> str:
    """What `bench` found beside the speeds, as a terminal shows it."""
    versions = found["machine"]["versions"]
    square = ", ".join(f"{precision} {rate:,}" for precision, rate in found["machine"]["gflops"].items())
    lines = [f"{found['machine']['device']}, torch {versions['torch']}; square matrices, GFLOP/s: {square}"]
    for rows, digits in ((found["replicates"], 3), (found["cores"], 2)):
        if rows:
            lines += ["", pd.DataFrame(rows).round(digits).to_string(index=False)]
    return "\n".join(lines)
