// Tickets of a network of 320 weights on two moons: the same computation as lthlib/book/moons.py, number by number. Sums are
// in one order, one generator gives all random numbers, and there is nothing but + - * / and square roots, which
// every machine rounds alike; so the hundred seeds that were measured there are those that a reader can train here.
"use strict";

globalThis.LTH_MOONS = (() => {
  const SIZES = [2, 16, 16, 2]; // units of each layer
  const RATES = [0.2, 0.2, 0.1]; // share of its weights that a layer loses in a round
  const [ROUNDS, STEPS, BATCH, POINTS] = [10, 1000, 32, 500];
  const [NOISE, ADAM] = [0.2, 0.01];
  const [EVERY, GOAL] = [10, 475]; // how often the test points are asked, and how many right answers are 95 %
  const [TRAIN, TEST, FIRST, ORDER, NEW] = [0, 1, 2, 10, 100]; // what random numbers are for

  /** Numbers in [0, 1) from mulberry32, a stream for each purpose. */
  function stream(seed, purpose) {
    let a = (Math.imul(seed, 0x9e3779b1) + Math.imul(purpose + 1, 0x85ebca6b)) | 0;
    return () => {
      a = (a + 0x6d2b79f5) | 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /** About a normal distribution: the sum of twelve numbers in [0, 1), less 6. */
  function bell(random) {
    let total = 0;
    for (let i = 0; i < 12; i++) total += random();
    return total - 6;
  }

  /** x, y, x, y ...: every second point belongs to the other moon. */
  function points(seed, purpose) {
    const random = stream(seed, purpose);
    const found = new Float64Array(2 * POINTS);
    for (let i = 0; i < POINTS; i++) {
      let x, y, square;
      do {
        x = 2 * random() - 1;
        y = random();
        square = x * x + y * y;
      } while (!(square > 0 && square <= 1));
      x /= Math.sqrt(square);
      y /= Math.sqrt(square);
      if (i % 2) [x, y] = [1 - x, 0.5 - y];
      found[2 * i] = x + NOISE * bell(random);
      found[2 * i + 1] = y + NOISE * bell(random);
    }
    return found;
  }

  /** Weights of each layer, row after row: those of an input are side by side. */
  function initial(seed, purpose) {
    const random = stream(seed, purpose);
    return RATES.map((_, l) => {
      const sigma = Math.sqrt(2 / (SIZES[l] + SIZES[l + 1]));
      return Float64Array.from({ length: SIZES[l] * SIZES[l + 1] }, () => sigma * bell(random));
    });
  }

  const ones = () => RATES.map((_, l) => new Float64Array(SIZES[l] * SIZES[l + 1]).fill(1));

  /** The next masks: in each layer the smallest of the weights that are left go. */
  function prune(weights, masks) {
    return masks.map((mask, l) => {
      const left = [...mask.keys()].filter((i) => mask[i]);
      const order = left.sort((a, b) => Math.abs(weights[l][a]) - Math.abs(weights[l][b]));
      const kept = mask.slice();
      for (const i of order.slice(0, Math.floor(RATES[l] * left.length + 0.5))) kept[i] = 0;
      return kept;
    });
  }

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const count = (masks) => sum(masks.map(sum));

  function exp(x) {
    const t = Math.min(Math.max(x, -30), 30) / 256;
    let p = 1 + t * (1 + (t / 2) * (1 + (t / 3) * (1 + t / 4)));
    for (let i = 0; i < 8; i++) p *= p;
    return p;
  }

  /** One training: from these weights, under these masks, in this round of this seed. */
  class Training {
    constructor(seed, round, start, masks) {
      this.masks = masks;
      this.data = points(seed, TRAIN);
      this.test = points(seed, TEST);
      this.random = stream(seed, ORDER + round);
      this.weights = start.map((w, l) => w.map((value, i) => value * masks[l][i]));
      this.biases = RATES.map((_, l) => new Float64Array(SIZES[l + 1]));
      const like = () => [...this.weights, ...this.biases].map((p) => new Float64Array(p.length));
      [this.first, this.second, this.sums] = [like(), like(), like()];
      [this.one, this.two, this.steps] = [1, 1, 0];
      this.a = SIZES.map((size) => new Float64Array(size));
      this.deltas = SIZES.map((size) => new Float64Array(size));
      this.right = [this.asked()];
    }

    get done() {
      return this.steps === STEPS;
    }

    /** The two outputs for a point; the larger one is the answer. */
    answer(x, y) {
      const a = this.a;
      [a[0][0], a[0][1]] = [x, y];
      for (let l = 0; l < 3; l++) {
        const [weights, out] = [this.weights[l], SIZES[l + 1]];
        const z = a[l + 1];
        z.set(this.biases[l]);
        for (let k = 0; k < SIZES[l]; k++) {
          for (let j = 0; j < out; j++) z[j] += a[l][k] * weights[k * out + j];
        }
        if (l < 2) for (let j = 0; j < out; j++) z[j] = Math.max(z[j], 0);
      }
      return a[3];
    }

    /** How many of the test points are put on the right moon. */
    asked() {
      let right = 0;
      for (let i = 0; i < POINTS; i++) {
        const z = this.answer(this.test[2 * i], this.test[2 * i + 1]);
        if (z[1] > z[0] === (i % 2 === 1)) right += 1;
      }
      return right;
    }

    /** One step of Adam on one batch. */
    step() {
      for (const values of this.sums) values.fill(0);
      for (let b = 0; b < BATCH; b++) {
        const chosen = Math.floor(this.random() * POINTS);
        const z = this.answer(this.data[2 * chosen], this.data[2 * chosen + 1]);
        const error = 1 / (1 + exp(z[0] - z[1])) - (chosen % 2);
        this.deltas[3][0] = 0 - error;
        this.deltas[3][1] = error;
        for (let l = 2; l >= 0; l--) this.backward(l);
      }
      this.one *= 0.9;
      this.two *= 0.999;
      [...this.weights, ...this.biases].forEach((p, n) => this.move(p, n));
      this.steps += 1;
      if (this.steps % EVERY === 0) this.right.push(this.asked());
    }

    backward(l) {
      const [a, delta, before, out] = [this.a[l], this.deltas[l + 1], this.deltas[l], SIZES[l + 1]];
      for (let k = 0; k < SIZES[l]; k++) {
        let back = 0;
        for (let j = 0; j < out; j++) {
          this.sums[l][k * out + j] += a[k] * delta[j];
          back += delta[j] * this.weights[l][k * out + j];
        }
        before[k] = a[k] > 0 ? back : 0;
      }
      for (let j = 0; j < out; j++) this.sums[3 + l][j] += delta[j];
    }

    move(p, n) {
      const [first, second, mask] = [this.first[n], this.second[n], this.masks[n]];
      for (let i = 0; i < p.length; i++) {
        const g = (this.sums[n][i] / BATCH) * (mask ? mask[i] : 1);
        first[i] = 0.9 * first[i] + 0.1 * g;
        second[i] = 0.999 * second[i] + 0.001 * (g * g);
        p[i] -= (ADAM * (first[i] / (1 - this.one))) / (Math.sqrt(second[i] / (1 - this.two)) + 1e-8);
      }
    }

    /** The step at which it was asked and first knew GOAL points, or null; and how many it knows now. */
    get result() {
      const at = this.right.findIndex((right) => right >= GOAL);
      return [at < 0 ? null : at * EVERY, this.right.at(-1)];
    }
  }

  /** One seed, round after round: a ticket, and the same connections with new numbers. */
  class Seed {
    constructor(seed) {
      this.seed = seed;
      this.round = 0;
      this.first = initial(seed, FIRST);
      this.masks = ones();
      this.begin();
    }

    begin() {
      this.ticket = new Training(this.seed, this.round, this.first, this.masks);
      const fresh = this.round && initial(this.seed, NEW + this.round);
      this.fresh = this.round ? new Training(this.seed, this.round, fresh, this.masks) : null;
    }

    prune() {
      this.masks = prune(this.ticket.weights, this.masks);
      this.round += 1;
      this.begin();
    }

    step() {
      this.ticket.step();
      this.fresh?.step();
    }
  }

  return { EVERY, GOAL, POINTS, ROUNDS, SIZES, STEPS, Seed, count };
})();
