"""Tickets of a network of 320 weights on two moons: what the page *Buy a ticket* trains in the reader's browser.

The same computation as `book/_static/moons.js`, number by number: sums in one order, one generator of random numbers,
and nothing but + - * / and square roots, which every machine rounds alike. Here many seeds are trained at once; each
array begins with them.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

SIZES = (2, 16, 16, 2)  # units of each layer
RATES = (0.2, 0.2, 0.1)  # share of its weights that a layer loses in a round: the paper's, the output layer's half
ROUNDS, STEPS, BATCH, POINTS = 10, 1000, 32, 500  # as many points to train on as to be tested with
NOISE, ADAM = 0.2, 0.01  # around the moons; the learning rate
EVERY, GOAL = 10, 475  # how often the test points are asked, and how many right answers are 95 %
TRAIN, TEST, FIRST, ORDER, NEW = 0, 1, 2, 10, 100  # what random numbers are for; of the last two, a stream per round

Layers = list[np.ndarray]  # W1, W2, W3 or their masks, [seeds, in, out] each


def uniforms(seed: int, stream: int, count: int, begin: int = 0) -> np.ndarray:
    """Numbers in [0, 1) of the generator mulberry32, from the place `begin` of a stream of its own for each purpose.

    >>> uniforms(1, TRAIN, 2).round(4).tolist()
    [0.9722, 0.0626]
    """
    start = seed * 0x9E3779B1 + (stream + 1) * 0x85EBCA6B
    counter = (start + 0x6D2B79F5 * np.arange(begin + 1, begin + count + 1, dtype=np.uint64)) % 2**32
    a = counter.astype(np.uint32)  # whose products wrap, as the generator wants
    t = (a ^ (a >> np.uint32(15))) * (a | np.uint32(1))
    t = (t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))) ^ t
    return (t ^ (t >> np.uint32(14))) / 4294967296.0


def _stream(seed: int, stream: int) -> Iterator[float]:
    begin, block = 0, 4096
    while True:
        yield from uniforms(seed, stream, block, begin).tolist()
        begin += block


def _bell(random: Iterator[float]) -> float:
    """About a normal distribution: the sum of twelve numbers in [0, 1), less 6."""
    total = 0.0
    for _ in range(12):
        total += next(random)
    return total - 6.0


def points(seed: int, stream: int) -> np.ndarray:
    """POINTS places [x, y]; every second one belongs to the other moon.

    >>> points(1, TEST).shape
    (500, 2)
    """
    random, found = _stream(seed, stream), []
    for i in range(POINTS):
        while True:  # a direction in the upper half: no sine is needed, in whose last digit machines differ
            x, y = 2.0 * next(random) - 1.0, next(random)
            square = x * x + y * y
            if 0.0 < square <= 1.0:
                break
        x, y = x / math.sqrt(square), y / math.sqrt(square)
        if i % 2:
            x, y = 1.0 - x, 0.5 - y
        found.append((x + NOISE * _bell(random), y + NOISE * _bell(random)))
    return np.array(found)


def initial(seed: int, stream: int) -> list[np.ndarray]:
    """Initial weights [in, out] of each layer, "Gaussian Glorot"; biases are 0.

    >>> [weights.shape for weights in initial(1, FIRST)]
    [(2, 16), (16, 16), (16, 2)]
    """
    random = _stream(seed, stream)
    layers = []
    for into, out in pairwise(SIZES):
        sigma = math.sqrt(2.0 / (into + out))
        layers.append(np.array([sigma * _bell(random) for _ in range(into * out)]).reshape(into, out))
    return layers


def prune(weights: Layers, masks: Layers) -> Layers:
    """The next masks: in each layer the smallest of the weights that are left go, a share of RATES, as in `core.masks`.

    >>> theta = [weights[None] for weights in initial(1, FIRST)]
    >>> [int(mask.sum()) for mask in prune(theta, [np.ones_like(w) for w in theta])]
    [26, 205, 29]
    """
    pruned = []
    for theta, mask, rate in zip(weights, masks, RATES, strict=True):
        kept = mask.reshape(len(mask), -1).copy()
        for row, sizes in zip(kept, np.abs(theta).reshape(len(mask), -1), strict=True):
            left = np.flatnonzero(row)
            order = left[np.argsort(sizes[left], kind="stable")]
            row[order[: int(rate * len(left) + 0.5)]] = 0.0
        pruned.append(kept.reshape(mask.shape))
    return pruned


def _dense(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x W + b, summed in the order in which the script sums; a product of matrices has an order of its own."""
    z = np.broadcast_to(bias[:, None], (*x.shape[:2], bias.shape[1])).copy()
    for k in range(x.shape[2]):
        z += x[:, :, k, None] * weights[:, k, None]
    return z


def _exp(x: np.ndarray) -> np.ndarray:
    """e to the x, by four terms and eight squares: not the machine's own, in whose last digit machines differ."""
    t = np.minimum(np.maximum(x, -30.0), 30.0) / 256.0
    p = 1.0 + t * (1.0 + (t / 2.0) * (1.0 + (t / 3.0) * (1.0 + t / 4.0)))
    for _ in range(8):
        p = p * p
    return p


def _right(test: np.ndarray, weights: Layers, biases: Layers) -> np.ndarray:
    """How many of the test points each network puts on the right moon."""
    x = test
    for w, b in zip(weights[:2], biases[:2], strict=True):
        x = np.maximum(_dense(x, w, b), 0.0)
    z = _dense(x, weights[2], biases[2])
    return ((z[:, :, 1] > z[:, :, 0]) == (np.arange(POINTS) % 2 == 1)).sum(1)


def _gradients(x: np.ndarray, second: np.ndarray, weights: Layers, biases: Layers) -> tuple[Layers, Layers]:
    """Of the mean loss of a batch, whose points `second` belong to the second moon: to weights, and to biases."""
    inputs = [x]
    for w, b in zip(weights[:2], biases[:2], strict=True):
        inputs.append(np.maximum(_dense(inputs[-1], w, b), 0.0))
    z = _dense(inputs[2], weights[2], biases[2])
    chance = 1.0 / (1.0 + _exp(z[:, :, 0] - z[:, :, 1]))
    error = chance - second
    delta = np.stack([0.0 - error, error], 2)
    to_weights: Layers = []
    to_biases: Layers = []
    for layer in (2, 1, 0):
        a, w = inputs[layer], weights[layer]
        sums, bias = np.zeros_like(w), np.zeros_like(biases[layer])
        for i in range(BATCH):
            sums += a[:, i, :, None] * delta[:, i, None, :]
            bias += delta[:, i]
        to_weights.insert(0, sums / BATCH)
        to_biases.insert(0, bias / BATCH)
        if layer:
            back = np.zeros_like(a)
            for j in range(w.shape[2]):
                back += delta[:, :, None, j] * w[:, None, :, j]
            delta = np.where(a > 0.0, back, 0.0)
    return to_weights, to_biases


def train(seeds: Sequence[int], n: int, start: Layers, masks: Layers) -> tuple[Layers, np.ndarray]:
    """Trained weights, and right answers [seeds, evaluations] before the first step and after every EVERY.

    Whatever starts in round n sees the same points in the same order.

        theta0 = [w[None] for w in initial(1, FIRST)]
        theta, right = train([1], 0, theta0, [np.ones_like(w) for w in theta0])
    """
    data, test = (np.stack([points(seed, stream) for seed in seeds]) for stream in (TRAIN, TEST))
    order = np.stack([(uniforms(seed, ORDER + n, STEPS * BATCH) * POINTS).astype(int) for seed in seeds])
    biases = [np.zeros((len(seeds), out)) for out in SIZES[1:]]
    theta = [w * m for w, m in zip(start, masks, strict=True)] + biases
    first, second = ([np.zeros_like(p) for p in theta] for _ in range(2))
    one, two = 1.0, 1.0  # 0.9 and 0.999 to the power of the step
    right = [_right(test, theta[:3], theta[3:])]
    for step in range(1, STEPS + 1):
        chosen = order[:, (step - 1) * BATCH : step * BATCH]
        batch = np.take_along_axis(data, chosen[:, :, None], 1)
        to_weights, to_biases = _gradients(batch, (chosen % 2).astype(float), theta[:3], theta[3:])
        one, two = one * 0.9, two * 0.999
        for i, g in enumerate([g * m for g, m in zip(to_weights, masks, strict=True)] + to_biases):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * (g * g)
            theta[i] = theta[i] - (ADAM * (first[i] / (1.0 - one))) / (np.sqrt(second[i] / (1.0 - two)) + 1e-8)
        if step % EVERY == 0:
            right.append(_right(test, theta[:3], theta[3:]))
    return theta[:3], np.stack(right, 1)


def reached(right: np.ndarray) -> list[int | None]:
    """The step at which each was asked and first knew GOAL points, or None.

    >>> reached(np.array([[250, 480, 470], [250, 300, 400]]))
    [10, None]
    """
    return [EVERY * int(row.argmax()) if row.any() else None for row in right >= GOAL]


def tickets(seeds: Sequence[int], rounds: int = ROUNDS) -> dict[str, Any]:
    """Train, prune, rewind and again; beside each ticket, the same connections with new numbers.

    What is left after n prunings, and of each seed [step that reached GOAL or None, right answers at the end], for
    the ticket and, from the first pruning on, with new numbers:

        found = tickets(range(1, 101))
        found["ticket"][4][seed - 1], found["new"][4][seed - 1]
    """
    theta0 = [np.stack(layer) for layer in zip(*(initial(seed, FIRST) for seed in seeds), strict=True)]
    masks = [np.ones_like(w) for w in theta0]
    found: dict[str, Any] = {"seeds": list(seeds), "left": [], "ticket": [], "new": []}
    for n in range(rounds + 1):
        found["left"].append(int(sum(m[0].sum() for m in masks)))
        theta, right = train(seeds, n, theta0, masks)
        found["ticket"].append(_results(right))
        if n:
            values = zip(*(initial(seed, NEW + n) for seed in seeds), strict=True)
            found["new"].append(_results(train(seeds, n, [np.stack(layer) for layer in values], masks)[1]))
        else:
            found["new"].append(None)  # nothing is pruned: it would be another network
        masks = prune(theta, masks)
    return found


def _results(right: np.ndarray) -> list[list[int | None]]:
    return [[step, int(end)] for step, end in zip(reached(right), right[:, -1], strict=True)]
