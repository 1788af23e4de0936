// The page "Buy a ticket": moons.js trains, this shows it, and keeps the reader's tally beside that of the hundred seeds in
// buy-a-ticket-data.js. Nothing is loaded, so that the page works from disk as it does from a server.
"use strict";

(() => {
  const root = document.getElementById("ticket-game");
  if (!root) return;
  root.hidden = false;
  const moons = globalThis.LTH_MOONS;
  const measured = globalThis.LTH_HUNDRED;
  if (!moons || !measured) {
    root.textContent = "The scripts that train here, moons.js and buy-a-ticket-data.js, could not be loaded.";
    return;
  }

  const part = (id) => document.getElementById(`lb-${id}`);
  const INK = "#222222";
  const GREY = "#666666";
  const ARMS = ["ticket", "fresh"];
  const COLOURS = { ticket: "#0072B2", fresh: "#D55E00" }; // of tickets and of reinit, everywhere in the book
  const BETS = { ticket: "the ticket", fresh: "new numbers", even: "neither" };
  const percent = (right) => `${((100 * right) / moons.POINTS).toFixed(1)} %`;
  const density = (masks) => `${((100 * moons.count(masks)) / measured.left[0]).toFixed(0)} %`;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const tally = measured.left.map(() => new Map()); // by round: seed -> [ticket's result, new numbers' result]
  let [game, phase, bet, whole, removed, running] = [null, "start", null, null, null, null];

  // --- who won -----------------------------------------------------------------------------------------------------

  /** Who of two was first to 95 %, or has more right: "ticket", "fresh" or "even". */
  function first([ticket, fresh]) {
    const [a, b] = [ticket[0] ?? Infinity, fresh[0] ?? Infinity];
    return a < b ? "ticket" : b < a ? "fresh" : "even";
  }
  function better([ticket, fresh]) {
    return ticket[1] > fresh[1] ? "ticket" : fresh[1] > ticket[1] ? "fresh" : "even";
  }

  function counted(pairs) {
    const counts = { first: { ticket: 0, even: 0, fresh: 0 }, better: { ticket: 0, even: 0, fresh: 0 } };
    for (const pair of pairs) {
      counts.first[first(pair)] += 1;
      counts.better[better(pair)] += 1;
    }
    const mean = (i) => pairs.reduce((total, pair) => total + pair[i][1], 0) / pairs.length;
    return { ...counts, mean: { ticket: mean(0), fresh: mean(1) }, seeds: pairs.length };
  }

  function record(played) {
    if (played.round) tally[played.round].set(played.seed, [played.ticket.result, played.fresh.result]);
  }

  // --- pictures ----------------------------------------------------------------------------------------------------

  function prepared(canvas, shape) {
    const [width, scale] = [canvas.clientWidth || 160, Math.min(2, devicePixelRatio || 1)];
    const height = Math.round(width * shape);
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.clearRect(0, 0, width, height);
    return { context, width, height };
  }

  /** The wiring: a line for each weight that is left, the thicker the larger; dotted what has just been removed. */
  function drawNetwork(arm, training) {
    const { context, width, height } = prepared(part(`net-${arm}`), 0.75);
    const place = (l, i) => [
      14 + (l * (width - 28)) / 3,
      height / 2 + (i - (moons.SIZES[l] - 1) / 2) * Math.min(28, (height - 20) / moons.SIZES[l]),
    ];
    const wired = moons.SIZES.map((size) => new Array(size).fill(false));
    training.weights.forEach((weights, l) => {
      const out = moons.SIZES[l + 1];
      weights.forEach((w, i) => {
        const [from, to] = [Math.floor(i / out), i % out];
        const left = training.masks[l][i];
        const gone = phase === "pruned" && removed[l][i];
        if (!left && !gone) return;
        if (left) wired[l][from] = wired[l + 1][to] = true;
        context.beginPath();
        context.moveTo(...place(l, from));
        context.lineTo(...place(l + 1, to));
        context.setLineDash(left ? [] : [1, 4]);
        context.strokeStyle = left ? COLOURS[arm] : GREY;
        context.globalAlpha = left ? Math.min(1, 0.15 + 0.5 * Math.abs(w)) : 0.6;
        context.lineWidth = left ? Math.min(3.5, 0.5 + Math.abs(w)) : 0.8;
        context.stroke();
      });
    });
    context.setLineDash([]);
    context.globalAlpha = 1;
    wired.forEach((units, l) =>
      units.forEach((used, i) => {
        context.beginPath();
        context.arc(...place(l, i), 2.6, 0, 7);
        context.fillStyle = used ? INK : "#ffffff";
        context.strokeStyle = used ? INK : "#bbbbbb";
        context.fill();
        context.stroke();
      }),
    );
    const left = moons.count(training.masks);
    part(`net-${arm}`).setAttribute("aria-label", `Its wiring, a line for each weight: ${left} of ${measured.left[0]} are left.`);
  }

  const VIEW = { x: -1.7, y: -1.35, width: 4.4, height: 3.3 };
  const FINE = 44; // as many squares along each side, which the browser blurs into each other
  const plane = Object.assign(document.createElement("canvas"), { width: FINE, height: FINE });

  /** The plane as the network sees it: tinted where it says "second moon", with some of the test points. */
  function drawMap(arm, training, test) {
    const { context, width, height } = prepared(part(`map-${arm}`), VIEW.height / VIEW.width);
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(COLOURS[arm].slice(at, at + 2), 16));
    const image = new ImageData(FINE, FINE);
    for (let i = 0; i < FINE * FINE; i++) {
      const x = VIEW.x + (((i % FINE) + 0.5) / FINE) * VIEW.width;
      const y = VIEW.y + VIEW.height - ((Math.floor(i / FINE) + 0.5) / FINE) * VIEW.height;
      const z = training.answer(x, y);
      image.data.set([red, green, blue, Math.round(97 / (1 + Math.exp(z[0] - z[1])))], 4 * i);
    }
    plane.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(plane, 0, 0, width, height);
    context.strokeStyle = INK;
    for (let i = 0; i < 160; i++) {
      context.beginPath();
      const x = ((test[2 * i] - VIEW.x) / VIEW.width) * width;
      context.arc(x, ((VIEW.y + VIEW.height - test[2 * i + 1]) / VIEW.height) * height, 2, 0, 7);
      context.fillStyle = i % 2 ? INK : "#ffffff";
      context.lineWidth = 0.8;
      context.fill();
      context.stroke();
    }
    part(`map-${arm}`).setAttribute(
      "aria-label",
      `Where it sees the second moon, tinted, with dots of both moons. It puts ${percent(training.right.at(-1))} of ` +
        `the test points on the right moon.`,
    );
  }

  const SVG = "http://www.w3.org/2000/svg";
  function draw(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  function drawCurves() {
    const svg = part("curves");
    const [width, height] = [svg.clientWidth || 320, 200];
    const [left, right, top, bottom] = [40, width - 12, 10, height - 34];
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const x = (step) => left + (step / moons.STEPS) * (right - left);
    const y = (share) => bottom - ((Math.max(share, 0.5) - 0.5) / 0.5) * (bottom - top);
    const words = { fill: GREY, "font-size": 11 };
    for (const value of [0.5, 0.6, 0.7, 0.8]) {
      draw(svg, "path", { d: `M${left},${y(value)}H${right}`, stroke: "#e8e8e8" });
      draw(svg, "text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", ...words }, (100 * value).toFixed(0));
    }
    for (const step of [0, 250, 500, 750, 1000]) {
      const anchor = step < moons.STEPS ? "middle" : "end";
      draw(svg, "text", { x: x(step), y: bottom + 15, "text-anchor": anchor, ...words }, step);
    }
    draw(svg, "text", { x: (left + right) / 2, y: height - 3, "text-anchor": "middle", ...words }, "steps of training");
    draw(svg, "path", { d: `M${left},${y(0.95)}H${right}`, stroke: GREY, "stroke-dasharray": "5 4" });
    draw(svg, "text", { x: left - 6, y: y(0.95) + 4, "text-anchor": "end", ...words, "font-weight": 700 }, "95");
    const said = [];
    const line = (name, rights, colour, more) => {
      const path = rights.map((n, i) => `${x(i * moons.EVERY).toFixed(1)},${y(n / moons.POINTS).toFixed(1)}`).join("L");
      draw(svg, "path", { d: `M${path}`, fill: "none", stroke: colour, "stroke-width": 2, "data-line": name, ...more });
      const at = rights.findIndex((n) => n >= moons.GOAL);
      const reached = at < 0 ? "95 % not reached" : `95 % after ${at * moons.EVERY} steps`;
      said.push(`${name}: ${reached}, now ${percent(rights.at(-1))}`);
      if (at >= 0 && !more) {
        draw(svg, "circle", { cx: x(at * moons.EVERY), cy: y(rights[at] / moons.POINTS), r: 5, fill: colour, stroke: "#fff" });
      }
    };
    if (whole && game.round) line("Whole network", whole, INK, { "stroke-dasharray": "1.5 3", "stroke-width": 1.5 });
    if (game.fresh) line("New numbers", game.fresh.right, COLOURS.fresh);
    line(game.round ? "Ticket" : "Whole network", game.ticket.right, game.round ? COLOURS.ticket : INK);
    svg.setAttribute("aria-label", `Right answers against steps of training. ${said.join(". ")}.`);
  }

  /** What a lane says below its pictures. */
  function told(training) {
    if (!training.steps) return `${percent(training.right[0])} right before training`;
    const [at, right] = training.result;
    const goal = at !== null ? `95 % after ${at} steps` : training.done ? "never at 95 %" : "not yet at 95 %";
    return `${percent(right)} right · ${goal}`;
  }

  function show(maps = true) {
    part("name-ticket").textContent = game.round ? "Ticket: its old numbers" : "The whole network";
    root.dataset.round = game.round;
    for (const arm of ARMS) {
      const training = game[arm];
      part(`lane-${arm}`).classList.toggle("lb-empty", !training);
      part(`told-${arm}`).textContent = training ? told(training) : "Enters after the first pruning.";
      if (!training) continue;
      drawNetwork(arm, training);
      if (maps) drawMap(arm, training, game.ticket.test);
    }
    drawCurves();
    part("now").textContent =
      `Seed ${game.seed} · ${moons.count(game.masks)} of ${measured.left[0]} weights left (${density(game.masks)})`;
    part("go").textContent = running ? running.stop : LABELS[phase]();
    for (const id of ["seed", "new", "ten"]) part(id).disabled = Boolean(running);
    part("ten").disabled ||= !game.round; // there is no race yet
  }

  const LABELS = {
    start: () => "Train the whole network",
    trained: () => (game.round < moons.ROUNDS ? "Prune the smallest fifth" : "New game"),
    pruned: () => "Rewind and race",
  };

  // --- scoreboard --------------------------------------------------------------------------------------------------

  function score() {
    const round = game.round;
    const own = counted([...tally[round].values()]);
    part("board").hidden = !own.seeds;
    if (!own.seeds) return;
    const hundred = measured.levels[round];
    const level = ((100 * measured.left[round]) / measured.left[0]).toFixed(0);
    const games = `${own.seeds} game${own.seeds > 1 ? "s" : ""}`;
    part("caption").textContent = `With ${level} % of the weights left`;
    const body = part("score").tBodies[0];
    body.replaceChildren();
    const row = (name, who, cells, counts) => {
      const line = body.insertRow();
      line.dataset.row = `${name}-${who}`;
      const head = Object.assign(document.createElement("th"), { scope: "row" });
      head.append(`${name}: `, Object.assign(document.createElement("b"), { textContent: who }));
      if (counts) {
        const bar = Object.assign(document.createElement("span"), { className: "lb-share" });
        bar.setAttribute("aria-hidden", "true");
        for (const key of ["ticket", "even", "fresh"]) {
          const piece = document.createElement("i");
          piece.dataset.arm = key;
          piece.style.flexGrow = counts[key];
          bar.append(piece);
        }
        head.append(bar);
      }
      line.append(head);
      for (const text of cells) line.insertCell().textContent = text;
    };
    for (const [name, key] of [["First to 95 %", "first"], ["Better at the end", "better"]]) {
      for (const [who, counts] of [[`your ${games}`, own[key]], ["100 games", hundred[key]]]) {
        row(name, who, [counts.ticket, counts.even, counts.fresh], counts);
      }
    }
    for (const [who, { mean }] of [[`your ${games}`, own], ["100 games", hundred]]) {
      row("Right at the end", who, [percent(mean.ticket), "", percent(mean.fresh)]);
    }
    const times = (n) => `${n} ${n === 1 ? "time" : "times"}`;
    part("verdict").textContent =
      `You bet on ${BETS[bet]}. At this size you were right ${times(own.first[bet])} in ${own.seeds}; in the measured games ` +
      `you would have been ${times(hundred.first[bet])} in 100.`;
  }

  // --- playing -----------------------------------------------------------------------------------------------------

  const say = (text) => (part("live").textContent = text);

  /** Steps until `more()` says that there is nothing left, as many in each frame as there is time for. */
  function run(task, more, { fast = false, stop, ended }) {
    running = { fast: fast || calm.matches, stop };
    let [begin, done, frames] = [null, 0, 0];
    const frame = (now) => {
      begin ??= now;
      frames += 1;
      const due = running.fast ? Infinity : ((now - begin) / 3000) * moons.STEPS; // a training in three seconds
      const until = performance.now() + (running.fast ? 40 : 14);
      let going = more();
      while (going && done < due && performance.now() < until) {
        task();
        done += 1;
        going = more();
      }
      if (!going) {
        running = null;
        ended();
      } else {
        if (!running.quiet && (!running.fast || frames === 1)) show(frames % 4 === 0);
        requestAnimationFrame(frame);
      }
    };
    requestAnimationFrame(frame);
    show();
    return running;
  }

  function trainOn() {
    run(() => game.step(), () => !game.ticket.done, {
      stop: "Skip ahead",
      ended: () => {
        phase = "trained";
        if (!game.round) whole = game.ticket.right;
        record(game);
        show();
        score();
        const results = ARMS.filter((arm) => game[arm]).map((arm) => `${part(`name-${arm}`).textContent}: ${told(game[arm])}`);
        say(`${results.join(". ")}. ${game.round ? part("verdict").textContent : ""}`);
      },
    });
  }

  function pruneOn() {
    const before = game.masks;
    game.prune();
    removed = before.map((mask, l) => mask.map((value, i) => value - game.masks[l][i]));
    phase = "pruned";
    show();
    score();
    say(`${part("now").textContent}. The ticket is back at its old numbers, the other has drawn new ones.`);
  }

  function begin(seed) {
    game = new moons.Seed(seed);
    [phase, whole, removed] = ["start", null, null];
    part("seed").value = seed;
    show();
    score();
  }
  const another = () => 101 + Math.floor(Math.random() * 899900); // 1 to 100 are those that were measured

  /** Ten more seeds down to the size that is on the table, without pictures. */
  function ten() {
    const round = Math.max(1, game.round);
    let [finished, other] = [0, new moons.Seed(another())];
    const task = () => {
      other.step();
      if (!other.ticket.done) return;
      record(other);
      if (other.round < round) return other.prune();
      finished += 1;
      part("now").textContent = `${finished} of ten more games played`;
      score();
      other = new moons.Seed(another());
    };
    const state = run(task, () => finished < 10 && !running?.halted, {
      fast: true,
      stop: "Stop",
      ended: () => {
        show();
        score();
        say(`${finished} more games. ${part("verdict").textContent}`);
      },
    });
    state.quiet = true;
    part("now").textContent = "0 of ten more games played";
  }

  part("go").addEventListener("click", () => {
    if (running) {
      if (running.quiet) running.halted = true;
      running.fast = true;
    } else if (phase === "start" || phase === "pruned") trainOn();
    else if (game.round < moons.ROUNDS) pruneOn();
    else begin(another());
  });
  part("new").addEventListener("click", () => begin(another()));
  part("ten").addEventListener("click", ten);
  part("seed").addEventListener("change", () => {
    const seed = Math.round(part("seed").valueAsNumber);
    begin(seed >= 1 && seed <= 999999 ? seed : game.seed);
  });
  part("bet").addEventListener("submit", (event) => {
    event.preventDefault();
    bet = new FormData(part("bet")).get("bet");
    part("bet").hidden = true;
    part("play").hidden = false;
    begin(another());
    part("go").focus();
  });

  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    if (game) show();
  }).observe(root);
})();
