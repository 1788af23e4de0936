// The ticket explorer: shows one round of one network, from what explorer-data.js holds. Every number that it prints is
// read or counted there. Nothing is loaded, so that the page works from disk as it does from a server.
"use strict";

(() => {
  const root = document.getElementById("explorer");
  if (!root) return;
  const data = globalThis.LTH_EXPLORER;
  root.hidden = false;
  if (!data) {
    root.textContent = "The explorer's data, explorer-data.js, could not be loaded.";
    return;
  }

  const part = (id) => document.getElementById(`lx-${id}`);
  const last = data.left.length - 1;
  const SIDE = 28;
  const PIXELS = SIDE * SIDE;
  const INK = "#222222";
  const GREY = "#666666";
  const ARMS = Object.keys(data.arms);
  const state = { round: 0, unit: 0 };

  // --- what the data say -------------------------------------------------------------------------------------------

  const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"; // a: removed by the first pruning; dot: never
  const removedBy = Uint8Array.from(data.removed, (letter) => (letter === "." ? 255 : LETTERS.indexOf(letter) + 1));

  /** The ticket's connections after a number of prunings: at each pixel, and of each unit. */
  const counted = [];
  function ticket(round) {
    if (!counted[round]) {
      const pixels = new Array(PIXELS).fill(0);
      const units = new Array(data.units).fill(0);
      removedBy.forEach((by, i) => {
        if (by > round) {
          pixels[i % PIXELS] += 1;
          units[Math.floor(i / PIXELS)] += 1;
        }
      });
      counted[round] = { pixels, units };
    }
    return counted[round];
  }
  const random = (round) => ({ pixels: data.random.pixels[round], units: data.random.units[round] });

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const empty = (values) => values.filter((value) => value === 0).length;
  const none = (count) => (count === 0 ? "none" : whole(count));
  const whole = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  const percent = (value, digits = 1) => (value > 99.95 ? "100 %" : `${value.toFixed(digits)} %`);
  const PRINTED = { es: whole, acc_es: (v) => `${v.toFixed(2)} %`, acc_0: (v) => `${v.toFixed(1)} %` };

  // --- colours -----------------------------------------------------------------------------------------------------

  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const mix = (a, b, t) => a.map((value, i) => Math.round(value + t * (b[i] - value)));
  const css = (colour) => `rgb(${colour.join(" ")})`;

  /** From white through an arm's colour to its shade, as the book's maps have it; t from 0 to 1. */
  function ramp(arm, t) {
    const colour = rgb(data.arms[arm].colour);
    return t < 0.5 ? mix([255, 255, 255], colour, 2 * t) : mix(colour, mix(colour, [0, 0, 0], 0.75), 2 * t - 1);
  }

  // --- maps --------------------------------------------------------------------------------------------------------

  function drawMap(canvas, colours) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    colours.forEach((colour, i) => image.data.set([...colour, 255], 4 * i));
    context.putImageData(image, 0, 0);
  }

  function drawPixels() {
    const counts = { ticket: ticket(state.round).pixels, random: random(state.round).pixels };
    const most = Math.max(...counts.ticket, ...counts.random);
    for (const [arm, pixels] of Object.entries(counts)) {
      const canvas = part(`map-${arm}`);
      drawMap(canvas, pixels.map((n) => ramp(arm, n / most)));
      canvas.setAttribute(
        "aria-label",
        `Map of 28 by 28 pixels: ${whole(sum(pixels))} connections, up to ${Math.max(...pixels)} at a pixel; ` +
          `${none(empty(pixels))} of the pixels without any.`,
      );
    }
    const blank = (pixels) => whole(sum(data.blank.map((i) => pixels[i])));
    part("map-note").textContent =
      `White is none, the darkest shade ${whole(most)} of ${data.units} units, in both maps. At ${data.blank.length} ` +
      `pixels at the edge no digit of this network’s training set has any ink: the ticket has ` +
      `${blank(counts.ticket)} connections left there, the random mask ${blank(counts.random)}.`;
  }

  // --- units -------------------------------------------------------------------------------------------------------

  const CELL = 16;
  const COLUMNS = Math.ceil(Math.sqrt(data.units));

  function drawUnits() {
    const counts = { ticket: ticket(state.round).units, random: random(state.round).units };
    const most = Math.max(...counts.ticket, ...counts.random);
    for (const [arm, units] of Object.entries(counts)) {
      const canvas = part(`units-${arm}`);
      canvas.width = COLUMNS * CELL;
      canvas.height = COLUMNS * CELL;
      const context = canvas.getContext("2d");
      units.forEach((n, unit) => {
        const [x, y] = [CELL * (unit % COLUMNS), CELL * Math.floor(unit / COLUMNS)];
        context.fillStyle = css(ramp(arm, n / most));
        context.fillRect(x + 1, y + 1, CELL - 2, CELL - 2);
        context.strokeStyle = n ? "transparent" : "#dddddd"; // a unit without connections is an empty square
        context.strokeRect(x + 1.5, y + 1.5, CELL - 3, CELL - 3);
      });
      if (arm === "ticket") {
        const [x, y] = [CELL * (state.unit % COLUMNS), CELL * Math.floor(state.unit / COLUMNS)];
        for (const [colour, inside] of [[INK, 0], ["#ffffff", 2]]) { // seen on light squares and on dark ones
          context.strokeStyle = colour;
          context.lineWidth = 2;
          context.strokeRect(x + inside, y + inside, CELL - 2 * inside, CELL - 2 * inside);
        }
      }
      canvas.setAttribute(
        "aria-label",
        `${data.units} units with ${Math.min(...units)} to ${whole(Math.max(...units))} connections; ` +
          `${none(empty(units))} without any.`,
      );
    }
    drawUnit();
    const [bare, bareRandom] = [empty(counts.ticket), empty(counts.random)];
    part("unit-note").textContent =
      `Without any connection to the picture: ${none(bare)} of the ticket’s ${data.units} units, ${none(bareRandom)} ` +
      `of the random mask’s. The darkest square has ${whole(most)} connections. Pale in the last map: what the last ` +
      `pruning removed.`;
  }

  function drawUnit() {
    const own = removedBy.subarray(PIXELS * state.unit, PIXELS * (state.unit + 1));
    const colours = { left: ramp("ticket", 0.5), now: ramp("ticket", 0.12), gone: [255, 255, 255] };
    const kind = (by) => (by > state.round ? "left" : state.round && by === state.round ? "now" : "gone");
    const kinds = Array.from(own, kind);
    drawMap(part("map-unit"), kinds.map((name) => colours[name]));
    const [left, now] = ["left", "now"].map((name) => kinds.filter((each) => each === name).length);
    part("unit-name").textContent = `Unit ${state.unit + 1}: ${whole(left)} left`;
    part("map-unit").setAttribute(
      "aria-label",
      `Unit ${state.unit + 1}: ${whole(left)} connections left, ${whole(now)} removed by the last pruning (pale).`,
    );
  }

  // --- charts ------------------------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  function draw(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  /** An arm's marker: a circle for tickets, a square for reinit, a triangle for random masks, as in the figures. */
  function mark(parent, arm, x, y, size, more = {}) {
    const s = size;
    const shape = {
      ticket: `M${x - s},${y}a${s},${s} 0 1,0 ${2 * s},0a${s},${s} 0 1,0 ${-2 * s},0`,
      reinit: `M${x - s},${y - s}h${2 * s}v${2 * s}h${-2 * s}z`,
      random: `M${x - s},${y - s}h${2 * s}l${-s},${2 * s}z`,
    }[arm];
    return draw(parent, "path", { d: shape, fill: data.arms[arm].colour, ...more });
  }

  const MARGIN = { top: 12, right: 10, bottom: 34, left: 46 };
  const HEIGHT = 210;
  const charts = {};

  function limits(quantity) {
    if (quantity === "es") return { low: 0, high: 1.06 * data.iterations, step: data.iterations / 3 };
    // Random masks may fall far below: were all of them in view, the others would be one line.
    const seen = ["ticket", "reinit"].flatMap((arm) => data.curves[arm][quantity].filter(Boolean));
    const low = Math.floor(Math.min(...seen.map((point) => point.low)));
    const high = Math.max(...seen.map((point) => point.high));
    return { low, high: high + 0.08 * (high - low), step: 1 };
  }

  function drawChart(quantity) {
    const svg = part(`chart-${quantity}`);
    const width = svg.clientWidth || 320;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const { low, high, step } = limits(quantity);
    const [right, bottom] = [width - MARGIN.right, HEIGHT - MARGIN.bottom];
    const [begin, end] = [Math.log(114), Math.log(data.remaining[last] / 1.14)];
    const x = (round) =>
      MARGIN.left + ((Math.log(data.remaining[round]) - begin) / (end - begin)) * (right - MARGIN.left);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);
    const words = { fill: GREY, "font-size": 11 };

    const clip = `lx-clip-${quantity}`;
    draw(draw(draw(svg, "defs", {}), "clipPath", { id: clip }), "rect", {
      ...{ x: MARGIN.left, y: MARGIN.top - 8, width: right - MARGIN.left, height: bottom - MARGIN.top + 8 },
    });
    for (let value = low; value <= high; value += step) {
      draw(svg, "path", { d: `M${MARGIN.left},${y(value)}H${right}`, stroke: "#e8e8e8" });
      draw(svg, "text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end", ...words }, whole(value));
    }
    const every = Math.max(1, Math.ceil(last / 5));
    for (let round = 0; round <= last; round += every) {
      const label = percent(data.remaining[round]).replace(" %", "");
      draw(svg, "path", { d: `M${x(round)},${bottom}v4`, stroke: GREY });
      draw(svg, "text", { x: x(round), y: bottom + 16, "text-anchor": "middle", ...words }, label);
    }
    draw(svg, "path", { d: `M${MARGIN.left},${bottom}H${right}`, stroke: GREY });
    const middle = (MARGIN.left + right) / 2;
    draw(svg, "text", { x: middle, y: HEIGHT - 3, "text-anchor": "middle", ...words }, "weights left (%)");
    if (quantity === "es") {
      draw(svg, "path", { d: `M${MARGIN.left},${y(data.iterations)}H${right}`, stroke: GREY });
      draw(svg, "text", { x: MARGIN.left + 4, y: y(data.iterations) + 13, ...words }, "training ends");
    }
    const dense = data.curves.ticket[quantity][0].mean;
    draw(svg, "path", { d: `M${MARGIN.left},${y(dense)}H${right}`, stroke: INK, "stroke-dasharray": "1 3" });

    const plot = draw(svg, "g", { "clip-path": `url(#${clip})` });
    for (const arm of [...ARMS].reverse()) {
      const colour = data.arms[arm].colour;
      const points = data.curves[arm][quantity].flatMap((point, round) => (point ? [{ ...point, round }] : []));
      // The dense network is every arm's first point.
      const line = arm === "ticket" ? points : [{ ...data.curves.ticket[quantity][0], round: 0 }, ...points];
      const path = line.map((point) => `${x(point.round)},${y(point.mean)}`).join("L");
      for (const point of points) {
        const bar = `M${x(point.round)},${y(point.low)}V${y(point.high)}`;
        draw(plot, "path", { d: bar, stroke: colour, "stroke-opacity": 0.55 });
      }
      draw(plot, "path", { d: `M${path}`, fill: "none", stroke: colour, "stroke-width": 1.6 });
      for (const point of points) mark(plot, arm, x(point.round), y(point.mean), 2.4);
    }
    charts[quantity] = { svg, x, y, top: MARGIN.top - 8, bottom, low, now: draw(svg, "g", {}) };
    markChart(quantity);
  }

  function markChart(quantity) {
    const { svg, x, y, top, bottom, low, now } = charts[quantity];
    const at = x(state.round);
    const said = [];
    now.replaceChildren();
    draw(now, "path", { d: `M${at},${top}V${bottom}`, stroke: INK, "stroke-opacity": 0.45, "stroke-width": 1.5 });
    for (const arm of [...ARMS].reverse()) {
      const point = data.curves[arm][quantity][state.round];
      if (!point) continue;
      said.unshift(`${data.arms[arm].name} ${PRINTED[quantity](point.mean)}`);
      // What lies below the axis is marked on it, hollow.
      const shown = { stroke: "white", "stroke-width": 1.5, "data-arm": arm };
      const below = { fill: "white", stroke: data.arms[arm].colour, "stroke-width": 1.5, "data-arm": arm };
      mark(now, arm, at, Math.min(y(point.mean), bottom), 5, point.mean < low ? below : shown);
    }
    svg.setAttribute("aria-label", `Lines against the percentage of weights left. In this round: ${said.join(", ")}.`);
  }

  /** The round whose level is nearest to where a chart was pressed. */
  function pressed(quantity, event) {
    const { svg, x } = charts[quantity];
    const at = event.clientX - svg.getBoundingClientRect().left - svg.clientLeft;
    const scale = svg.viewBox.baseVal.width / svg.clientWidth;
    const padding = parseFloat(getComputedStyle(svg).paddingLeft) || 0;
    const away = data.left.map((_, round) => Math.abs(x(round) - scale * (at - padding)));
    turn(away.indexOf(Math.min(...away)));
  }

  // --- values ------------------------------------------------------------------------------------------------------

  /** An arm's marker in front of its name. */
  function key(parent, arm, hollow = false) {
    const svg = draw(parent, "svg", { width: 12, height: 12, "aria-hidden": "true", class: "lx-key" });
    const line = { fill: "none", stroke: data.arms[arm].colour, "stroke-width": 1.5 };
    mark(svg, arm, 6, 6, 4, hollow ? line : {});
  }

  function drawLegend() {
    for (const arm of ARMS) {
      const item = document.createElement("span");
      key(item, arm);
      item.append(data.arms[arm].name);
      part("legend").append(item);
    }
    part("chart-note").textContent =
      `Lines are means over trials, bars run from the lowest to the highest; dotted: the dense network. Accuracies ` +
      `below ${whole(limits("acc_es").low)} % are cut off.`;
  }

  function row(body, arm, name, cells, ours) {
    const tr = body.insertRow();
    tr.dataset.row = ours ? "own" : arm;
    const th = document.createElement("th");
    th.scope = "row";
    key(th, arm, ours);
    th.append(name);
    tr.append(th);
    for (const [quantity, cell] of Object.entries(cells)) {
      const td = tr.insertCell();
      td.dataset.quantity = quantity;
      if (typeof cell === "string") td.textContent = cell;
      else if (cell) {
        const strong = document.createElement("b");
        const [mean, low, high] = ["mean", "low", "high"].map((name) => PRINTED[quantity](cell[name]));
        strong.textContent = mean;
        const range = document.createElement("span");
        range.textContent = ` ${low.replace(" %", "")} to ${high}`;
        td.append(strong, range);
      } else td.textContent = "–";
    }
  }

  function drawValues() {
    const body = part("values").tBodies[0];
    body.replaceChildren();
    const { round } = state;
    const own = Object.keys(PRINTED).map((q) => [q, PRINTED[q](data.own[q][round])]);
    row(body, "ticket", "this network", Object.fromEntries(own), true);
    for (const arm of ARMS) {
      const cells = Object.fromEntries(Object.keys(PRINTED).map((q) => [q, data.curves[arm][q][round]]));
      const n = cells.es ? `${cells.es.n} trial${cells.es.n > 1 ? "s" : ""}` : "not trained in this round";
      row(body, arm, `${arm === "ticket" && !round ? "dense networks" : data.arms[arm].name}, ${n}`, cells);
    }
  }

  // --- layers ------------------------------------------------------------------------------------------------------

  const BARS = { width: 240, height: 96 };
  const layers = Object.entries(data.layers).map(([name, layer]) => {
    const figure = document.createElement("figure");
    figure.className = "lx-card";
    figure.dataset.layer = name;
    const title = document.createElement("figcaption");
    title.className = "lx-name";
    title.textContent = layer.name[0].toUpperCase() + layer.name.slice(1);
    const words = document.createElement("p");
    words.className = "lx-note";
    const meter = document.createElement("div");
    meter.className = "lx-meter";
    meter.append(document.createElement("span"));
    const svg = draw(figure, "svg", { viewBox: `0 -2 ${BARS.width} ${BARS.height + 20}`, role: "img" });
    figure.replaceChildren(title, meter, words, svg);
    part("layers").append(figure);
    return { layer, figure, words, fill: meter.firstChild, svg };
  });

  function steps(counts, most) {
    const wide = BARS.width / counts.length;
    const heights = counts.map((n) => BARS.height * (1 - n / most));
    return `M0,${BARS.height}${heights.map((y) => `V${y.toFixed(1)}h${wide.toFixed(3)}`).join("")}V${BARS.height}`;
  }

  function drawLayers() {
    for (const { layer, words, fill, svg } of layers) {
      const [all, left, counts] = [layer.left[0], layer.left[state.round], layer.initial[state.round]];
      const density = (100 * left) / all;
      words.textContent = `${percent(density)}: ${whole(left)} of ${whole(all)}`;
      fill.style.width = `${density}%`;
      svg.replaceChildren();
      draw(svg, "path", { d: `${steps(counts, Math.max(...counts))}z`, fill: data.arms.ticket.colour });
      const outline = steps(layer.initial[0], Math.max(...layer.initial[0]));
      draw(svg, "path", { d: outline, fill: "none", stroke: "#8a8a8a", "stroke-width": 1.2 });
      draw(svg, "path", { d: `M0,${BARS.height}H${BARS.width}`, stroke: GREY });
      const edge = layer.end.toFixed(2);
      Object.entries({ start: `−${edge}`, middle: "0", end: edge }).forEach(([anchor, text], i) => {
        const place = { x: (i * BARS.width) / 2, y: BARS.height + 14, "text-anchor": anchor };
        draw(svg, "text", { ...place, fill: GREY, "font-size": 11 }, text);
      });
      const inner = (all) => sum(all.slice(all.length / 3, (2 * all.length) / 3)) / sum(all);
      svg.setAttribute(
        "aria-label",
        `Histogram of initial values from −${edge} to ${edge}. In its middle third lie ` +
          `${percent(100 * inner(counts), 0)} of the weights left, and ` +
          `${percent(100 * inner(layer.initial[0]), 0)} of all.`,
      );
    }
  }

  // --- turning -----------------------------------------------------------------------------------------------------

  const slider = part("round");
  const number = part("unit");
  const play = part("play");
  const live = part("live");
  let untouched = true;
  let playing = null;
  let saying = null;

  function say(text) {
    clearTimeout(saying);
    saying = setTimeout(() => (live.textContent = text), 500); // only where a drag comes to rest
  }

  function turn(round) {
    state.round = Math.max(0, Math.min(last, round));
    untouched = false;
    const { remaining, left } = data;
    const now = state.round;
    slider.value = now;
    const size = `${percent(remaining[now])} of the weights left`;
    slider.setAttribute("aria-valuetext", `round ${now} of ${last}, ${size}`);
    const bold = (text) => Object.assign(document.createElement("b"), { textContent: text });
    part("now").replaceChildren(
      ...["Round ", bold(now), ` of ${last} · `, bold(percent(remaining[now])), " of the weights left · "],
      ...[bold(whole(left[now])), ` of ${whole(left[0])}`],
    );
    drawPixels();
    drawUnits();
    drawValues();
    drawLayers();
    Object.keys(charts).forEach(markChart);
    const point = data.curves.ticket;
    if (playing === null) {
      say(
        `Round ${now}: ${size}. Early stop ${whole(point.es[now].mean)}, ` +
          `test accuracy ${PRINTED.acc_es(point.acc_es[now].mean)}.`,
      );
    }
  }

  function choose(unit) {
    state.unit = (unit + data.units) % data.units;
    number.value = state.unit + 1;
    drawUnits();
    say(part("map-unit").getAttribute("aria-label"));
  }

  function stop() {
    clearInterval(playing);
    playing = null;
    play.textContent = "Play";
    play.dataset.playing = "";
  }

  function start() {
    if (state.round === last || untouched) turn(0);
    // For who asked for less motion the picture changes more slowly.
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1800 : 700;
    play.textContent = "Pause";
    play.dataset.playing = "yes";
    playing = setInterval(() => {
      if (state.round + 1 >= last) stop();
      turn(state.round + 1);
    }, pace);
  }

  slider.max = last;
  number.max = data.units;
  for (const name of document.querySelectorAll(".lx-name[data-arm]")) {
    name.style.setProperty("--lx-arm", data.arms[name.dataset.arm].colour);
  }
  root.style.setProperty("--lx-ticket", data.arms.ticket.colour);

  slider.addEventListener("input", () => {
    stop();
    turn(slider.valueAsNumber);
  });
  play.addEventListener("click", () => (playing === null ? start() : stop()));
  number.addEventListener("change", () => {
    const unit = Math.round(number.valueAsNumber) - 1;
    choose(unit >= 0 && unit < data.units ? unit : state.unit);
  });
  part("before").addEventListener("click", () => choose(state.unit - 1));
  part("after").addEventListener("click", () => choose(state.unit + 1));
  part("busiest").addEventListener("click", () => {
    const { units } = ticket(state.round);
    choose(units.indexOf(Math.max(...units)));
  });
  part("units-ticket").addEventListener("click", (event) => {
    const box = event.target.getBoundingClientRect();
    const at = (offset, length) => Math.min(COLUMNS - 1, Math.max(0, Math.floor((COLUMNS * offset) / length)));
    const unit = COLUMNS * at(event.clientY - box.top, box.height) + at(event.clientX - box.left, box.width);
    if (unit < data.units) choose(unit);
  });
  for (const quantity of ["es", "acc_es"]) {
    part(`chart-${quantity}`).addEventListener("click", (event) => {
      stop();
      pressed(quantity, event);
    });
  }
  // Arrow keys turn the rounds wherever in the explorer the focus is, but in fields that have a use for them.
  root.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: state.round - 1, ArrowRight: state.round + 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.target.matches("input") || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    stop();
    turn(to);
  });

  // The unit that has most left in the end, which is there in every round; drawn once the page has a width.
  const end = ticket(last).units;
  state.unit = end.indexOf(Math.max(...end));
  number.value = state.unit + 1;
  drawLegend();
  for (const quantity of ["es", "acc_es"]) drawChart(quantity);
  turn(Math.round(last / 2)); // a dense map would be one dark square
  clearTimeout(saying); // nothing has changed yet
  untouched = true;
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    for (const quantity of ["es", "acc_es"]) drawChart(quantity);
  }).observe(root);
})();
