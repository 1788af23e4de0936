// The ledger's controls. Without this script the table below them is complete: every test, every reason unfolded.
(() => {
  const root = document.getElementById("ledger");
  const form = root.querySelector("form");
  const claims = [...root.querySelectorAll("tbody")].map((body, place) => {
    const said = body.rows[0].textContent;
    const rows = [...body.querySelectorAll("tr[data-verdict]")];
    const tests = rows.map((row, number) => ({
      row, number, place, text: `${said} ${row.textContent}`.toLowerCase(), page: body.dataset.page, ...row.dataset,
    }));
    return { body, place, tests, foot: body.querySelector(".lp-foot") };
  });
  const tests = claims.flatMap((claim) => claim.tests);
  const details = [...root.querySelectorAll("details")];
  const unfold = form.querySelector(".lp-unfold");
  const total = `${tests.length} tests of ${claims.length} claims`;
  const ORDERS = { given: (t) => t.place, verdict: (t) => +t.verdict, n: (t) => -t.n, part: (t) => -t.part };

  function show() {
    const asked = Object.fromEntries(new FormData(form));
    const verdicts = new FormData(form).getAll("verdict");
    const words = asked.search.toLowerCase().split(/\s+/).filter(Boolean);
    for (const test of tests) {
      test.row.hidden = !(
        (!verdicts.length || verdicts.includes(test.verdict)) &&
        ["network", "kind", "page"].every((name) => !asked[name] || asked[name] === test[name]) &&
        words.every((word) => test.text.includes(word))
      );
    }
    sort(ORDERS[asked.order]);
    const left = tests.filter((test) => !test.row.hidden);
    const of = new Set(left.map((test) => test.place)).size;
    const some = `${left.length} of ${total}, in ${of} of them`;
    form.querySelector("output").textContent = left.length === tests.length ? total : left.length ? some : `none of ${total}`;
  }

  // Tests within their claim, then claims by the first of their tests that is shown.
  function sort(by) {
    const order = (a, b) => by(a) - by(b) || a.place - b.place || a.number - b.number;
    const first = (claim) => claim.tests.filter((test) => !test.row.hidden).sort(order)[0];
    const whole = root.querySelector("table");
    const shown = claims.map((claim) => ({ ...claim, first: first(claim) }));
    for (const { body, first } of shown) body.hidden = !first;
    const placed = shown.filter((claim) => claim.first).sort((a, b) => order(a.first, b.first));
    const rest = shown.filter((claim) => !claim.first);
    for (const { body, tests, foot } of [...placed, ...rest]) {
      body.append(...[...tests].sort(order).map((test) => test.row), ...(foot ? [foot] : []));
      whole.append(body);
    }
  }

  function fold(open) {
    for (const one of details) one.open = open;
    unfold.setAttribute("aria-pressed", open);
    unfold.textContent = open ? "Fold all" : "Unfold all";
  }

  // An address with a claim's name leads to it, whatever is filtered, and unfolds it.
  function go() {
    const name = decodeURIComponent(location.hash.slice(1));
    const body = claims.find((claim) => claim.body.id === name)?.body;
    if (!body) return;
    if ([...body.rows].some((row) => row.hidden)) {
      form.reset();
      show();
    }
    for (const one of body.querySelectorAll("details")) one.open = true;
    body.scrollIntoView();
  }

  // The file that the page carries, unpacked: text.
  function unpacked(link) {
    const bytes = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  function table(lines) {
    const cell = (value) => {
      const text = Array.isArray(value) ? JSON.stringify(value) : String(value ?? "");
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [Object.keys(lines[0]), ...lines.map(Object.values)].map((line) => line.map(cell).join(",") + "\n").join("");
  }

  function save(text, name, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  unfold.addEventListener("click", () => fold(unfold.getAttribute("aria-pressed") !== "true"));
  addEventListener("hashchange", go);
  addEventListener("load", go);
  let before = [];
  addEventListener("beforeprint", () => {
    before = details.filter((one) => !one.open);
    for (const one of before) one.open = true;
  });
  addEventListener("afterprint", () => before.forEach((one) => (one.open = false)));
  if ("DecompressionStream" in globalThis) {
    const [json, csv] = root.querySelectorAll(".lp-files a");
    csv.parentElement.hidden = false;
    json.addEventListener("click", async (event) => {
      event.preventDefault();
      save(await unpacked(json), "claims.json", "application/json");
    });
    csv.addEventListener("click", async (event) => {
      event.preventDefault();
      save(table(JSON.parse(await unpacked(json))), "claims.csv", "text/csv");
    });
  }
  form.hidden = false;
  fold(false);
  show();
})();
