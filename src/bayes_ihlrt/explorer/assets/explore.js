"use strict";
// The page does no statistics: it sends where the sliders stand, and shows what was simulated.
const byId = (id) => document.getElementById(id);
const PAUSE = 250; // milliseconds without a move before a simulation is asked for
let about, scenario, turn = 0, asked = 0, running = false, waiting = false, timer, clock;
const state = { values: {}, looks: [] };
const tried = [];

function make(name, attributes = {}, ...children) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.append(...children);
  return found;
}

// Texts ---------------------------------------------------------------------------------------
const percent = (x) => `${(100 * x).toFixed(1)} %`;
const count = (x) => x.toFixed(0);
const months = (x) => x.toFixed(1);
const between = (low, high, told) => `${told(low).replace(" %", "")} to ${told(high)}`;
const whole = (number) => number.toLocaleString("en-GB");

function cell(found, told) {
  if (!found) return make("td", {}, "–");
  const [estimate, low, high] = found;
  return make("td", {}, told(estimate), make("small", {}, between(low, high, told)));
}

// Shares by how trials end are of those that follow futility rules, bound to them or not.
const futile = (words) => (about.free ? `${words}, if followed` : words);

// Controls ------------------------------------------------------------------------------------
function build() {
  const groups = byId("groups");
  groups.replaceChildren();
  const sets = {};
  for (const control of scenario.controls) {
    if (!sets[control.group]) sets[control.group] = group(control.group);
    sets[control.group].append(row(control));
  }
  groups.append(...Object.values(sets));
}

function group(name) {
  const set = make("fieldset", {}, make("legend", {}, name));
  const number = about.looks.indexOf(name);
  if (number >= 0 && number < about.looks.length - 1) {
    const box = make("input", { type: "checkbox", id: `look-${number}` });
    box.checked = state.looks[number];
    set.classList.toggle("off", !box.checked);
    box.addEventListener("change", () => {
      state.looks[number] = box.checked;
      set.classList.toggle("off", !box.checked);
      ask();
    });
    set.append(make("label", { class: "keep" }, box, " take this look"));
  }
  return set;
}

function row(control) {
  const id = control.key;
  const label = make("label", { class: "words", for: `${id}-number`, id: `${id}-label` },
    `${control.label} `, make("span", { class: "unit" }, control.unit));
  const slider = make("input", { type: "range", id: `${id}-slider`, min: control.low,
    max: control.high, step: control.step, "aria-labelledby": `${id}-label` });
  const field = make("input", { type: "number", id: `${id}-number`, step: "any",
    inputmode: "decimal", required: "" });
  const show = () => {
    const value = state.values[id];
    slider.value = value;
    field.value = Number.isFinite(value) ? value : "";
    const words = value === 0 && control.zero ? control.zero : `${value} ${control.unit}`.trim();
    slider.setAttribute("aria-valuetext", words);
    label.querySelector(".unit").textContent =
      value === 0 && control.zero ? `${control.unit} (0: ${control.zero})` : control.unit;
  };
  const move = (value, from) => {
    const before = state.values[id];
    state.values[id] = value;
    if (id === "design.patients") follow(before, value);
    if (from !== field || Number.isFinite(value)) show();
    ask();
  };
  slider.addEventListener("input", () => move(Number(slider.value), slider));
  field.addEventListener("input", () => move(field.value === "" ? NaN : Number(field.value), field));
  control.show = show;
  show();
  return make("div", { class: "control" }, label, slider, field);
}

// Events and patients of the looks follow the sample size, in proportion to the file's design.
function follow(before, patients) {
  if (!byId("scale").checked || !Number.isFinite(patients) || patients < 1) return;
  const size = valueInFile("design.patients");
  for (const control of scenario.controls) {
    if (/^design\.looks\.\d+\.(events|patients)$/.test(control.key)) {
      state.values[control.key] = Math.max(1, Math.ceil(control.value * patients / size - 1e-9));
      control.show();
    }
  }
}

const valueInFile = (key) => scenario.controls.find((control) => control.key === key).value;

function choose(name) {
  const design = Object.fromEntries(Object.entries(state.values)
    .filter(([key]) => key.startsWith("design.")));
  scenario = about.scenarios.find((one) => one.name === name);
  byId("scenario").value = name;
  byId("synthetic").hidden = !scenario.synthetic;
  byId("synthetic").textContent = scenario.synthetic
    ? `SYNTHETIC DATA: the effect of this scenario comes from ${scenario.synthetic}; no patient is in it.`
    : "";
  state.values = Object.fromEntries(scenario.controls.map((c) => [c.key, c.value]));
  Object.assign(state.values, design);
  build();
}

function restore(kept) {
  state.values = { ...kept.values };
  state.looks = [...kept.looks];
  choose(kept.scenario);
  state.values = { ...kept.values };
  build();
  ask();
}

// Questions -----------------------------------------------------------------------------------
function question(at) {
  return { scenario: scenario.name, values: state.values, looks: state.looks, at };
}

class Refused extends Error {
  constructor(faults) { super("refused"); this.faults = faults; }
}

async function send(path, body) {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(body),
    headers: { "content-type": "application/json" } });
  if (answer.status === 422) throw new Refused((await answer.json()).faults);
  if (!answer.ok) throw new Refused([`The server failed (${answer.status}): see its terminal.`]);
  return answer;
}

function ask() {
  turn += 1;
  byId("status").textContent = "Computing …";
  document.body.classList.add("busy");
  clearTimeout(timer);
  timer = setTimeout(work, PAUSE);
}

// One question at a time; of those that came meanwhile only the last is asked.
async function work() {
  if (running) { waiting = true; return; }
  running = true;
  const mine = turn;
  try {
    await answer(mine);
  } catch (error) {
    if (mine === turn) told(error);
  }
  running = false;
  clearInterval(clock);
  if (waiting) { waiting = false; work(); }
}

function told(error) {
  document.body.classList.remove("busy");
  const faults = error instanceof Refused ? error.faults
    : [`The explorer does not answer (${error.message}): start it again.`];
  byId("status").textContent = "Not computed: the numbers below are those of the design before.";
  byId("faults").replaceChildren(make("p", {}, make("strong", {}, "This design cannot be simulated:")),
    make("ul", {}, ...faults.map((fault) => make("li", {}, fault))));
}

async function answer(mine) {
  const empty = Object.entries(state.values).find(([, value]) => !Number.isFinite(value));
  if (empty) {
    const control = scenario.controls.find((one) => one.key === empty[0]);
    throw new Refused([`${control.group}, ${control.label}: it is empty. Fill in a number.`]);
  }
  const kept = { values: { ...state.values }, looks: [...state.looks], scenario: scenario.name };
  const began = performance.now();
  clearInterval(clock);
  clock = setInterval(() => waitingWords(began), 1000);
  const main = await (await send("simulate", question(null))).json();
  if (mine !== turn) return;
  byId("faults").replaceChildren();
  const entry = record(kept, main.found);
  show(entry);
  const none = await (await send("simulate", { ...kept, at: "none" })).json();
  entry.none = none.found;
  if (mine !== turn) return;
  clearInterval(clock);
  show(entry);
  document.body.classList.remove("busy");
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  byId("status").textContent = `Success ${percent(main.found.success[0])} ` +
    `(${whole(main.found.trials)} trials, ${seconds} s)`;
  await curve(entry, mine);
}

function waitingWords(began) {
  const seconds = Math.round((performance.now() - began) / 1000);
  const why = seconds < 5 ? "" : " A form of design that is new is compiled once.";
  byId("status").textContent = `Computing … ${seconds} s.${why}`;
}

async function curve(entry, mine) {
  const posterior = about.scenarios.find((one) => one.name === entry.scenario).posterior;
  if (posterior) return;
  for (const at of about.curve) {
    if (mine !== turn || waiting) return;
    if (entry.curve.some(([x]) => x === at)) continue;
    const { found } = await (await send("simulate", { values: entry.values, looks: entry.looks,
      scenario: entry.scenario, at })).json();
    entry.curve.push([at, ...found.success]);
    entry.curve.sort((one, other) => one[0] - other[0]);
    if (mine === turn) draw(entry);
  }
}

// What was tried ------------------------------------------------------------------------------
function record(kept, found) {
  const name = JSON.stringify(kept);
  let entry = tried.find((one) => one.key === name);
  if (!entry) {
    asked += 1;
    entry = { key: name, number: asked, ...kept, found, none: null, curve: [] };
    tried.unshift(entry);
    if (tried.length > 30) tried.pop();
  }
  return entry;
}

function differences(entry) {
  const own = about.scenarios.find((one) => one.name === entry.scenario);
  const found = [];
  const groups = {};
  for (const control of own.controls) {
    const number = about.looks.indexOf(control.group);
    if (number >= 0 && !entry.looks[number]) {
      groups[control.group] = ["not taken"];
    } else if (entry.values[control.key] !== control.value) {
      const value = entry.values[control.key];
      const words = value === 0 && control.zero ? control.zero : value;
      (groups[control.group] ??= []).push(`${control.label} ${words}`);
    }
  }
  for (const [name, parts] of Object.entries(groups)) found.push(`${name}: ${parts.join(", ")}`);
  return found.length ? found.join("; ") : "as in the file";
}

const head = () => ["No.", "What differs from the file", "Scenario", "Success",
  `Success ${withoutEffect()}`, futile("Futility"), "Expected patients", "Expected months", ""];

function table(target, head, rows) {
  const titles = head.map((title) => title ? make("th", { scope: "col" }, title) : make("td"));
  target.replaceChildren(make("thead", {}, make("tr", {}, ...titles)),
    make("tbody", {}, ...rows));
}

function showTried(current) {
  table(byId("tried"), head(), tried.map((entry) => {
    const back = make("button", { type: "button" }, `Back to design ${entry.number}`);
    back.addEventListener("click", () => restore(entry));
    const { found, none } = entry;
    return make("tr", entry === current ? { class: "current" } : {},
      make("th", { scope: "row" }, String(entry.number)), make("td", {}, differences(entry)),
      make("td", {}, entry.scenario), cell(found.success, percent),
      cell(none && none.success, percent), cell(found.futility, percent),
      cell(found.expected_n, count), cell(found.expected_months, months), make("td", {}, back));
  }));
}

// Results -------------------------------------------------------------------------------------
function withoutEffect() {
  return about.edge === 1 ? "without effect" : `at hazard ratio ${about.edge}`;
}

function show(entry) {
  const { found, none } = entry;
  const cards = [
    ["Success under this truth", found.success, percent],
    [`Success ${withoutEffect()}${none ? ` (${none.success_is})` : ""}`, none && none.success,
      percent],
    [futile("Stopped for futility"), found.futility, percent],
    ["Expected patients", found.expected_n, count],
    ["Expected events", found.expected_events, count],
    ["Expected duration, months", found.expected_months, months],
  ];
  if (found.enriched[0] > 0) cards.push(["Enriched", found.enriched, percent]);
  if (found.extended[0] > 0) cards.push(["Enlarged", found.extended, percent]);
  byId("headline").replaceChildren(...cards.map(([title, value, told]) => make("div", {},
    make("dt", {}, title), make("dd", {}, value ? told(value[0]) : "…",
      make("span", {}, value ? between(value[1], value[2], told) : "")))));
  const names = about.looks.filter((_, number) => entry.looks[number]);
  table(byId("looks"), ["Look", "Reached", futile("Success here"), futile("Futility here"), "Months", "Patients",
    "Events"], found.by_look.map((look, number) => make("tr", {},
    make("th", { scope: "row" }, names[number]), cell(look.reached, percent),
    cell(look.success, percent), cell(look.futility, percent), cell(look.months, months),
    cell(look.enrolled, count), cell(look.events, count))));
  if (found.failed) {
    byId("faults").replaceChildren(make("p", {}, `In ${whole(found.failed)} of ` +
      `${whole(found.trials)} trials a fit failed; they count as no success.`));
  }
  showTried(entry);
  draw(entry);
}

const SVG = "http://www.w3.org/2000/svg";
function shape(name, attributes, text = "") {
  const found = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.textContent = text;
  return found;
}

function draw(entry) {
  const [left, right, top, bottom] = [64, 545, 12, 240];
  const own = about.scenarios.find((one) => one.name === entry.scenario);
  const key = own.controls.filter((c) => c.key.startsWith("scenario.effect.hr."))
    .map((c) => entry.values[c.key]).find((hr) => hr !== 1);
  const here = own.posterior ? null : key ?? 1;
  const [low, high] = [Math.min(about.curve[0], here ?? 1), Math.max(about.curve.at(-1), here ?? 1)];
  const x = (hr) => left + (right - left) * (Math.log(hr) - Math.log(low)) / (Math.log(high) - Math.log(low));
  const y = (share) => bottom - (bottom - top) * share;
  const parts = [];
  for (const share of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    parts.push(shape("line", { class: "grid", x1: left, x2: right, y1: y(share), y2: y(share) }),
      shape("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
  }
  for (const hr of about.curve) {
    parts.push(shape("text", { x: x(hr), y: bottom + 22, "text-anchor": "middle" }, String(hr)));
  }
  parts.push(shape("path", { class: "axis", d: `M${left},${top}V${bottom}H${right}` }),
    shape("text", { x: (left + right) / 2, y: bottom + 48, "text-anchor": "middle" },
      "True hazard ratio while treatment acts"));
  const points = entry.curve;
  if (points.length > 1) {
    const up = points.map(([hr, , , upper]) => `${x(hr)},${y(upper)}`);
    const down = points.map(([hr, , lower]) => `${x(hr)},${y(lower)}`).reverse();
    parts.push(shape("polygon", { class: "band", points: [...up, ...down].join(" ") }),
      shape("polyline", { class: "line", points: points.map(([hr, p]) => `${x(hr)},${y(p)}`).join(" ") }));
  }
  for (const [hr, p] of points) parts.push(shape("circle", { class: "dot", cx: x(hr), cy: y(p), r: 3 }));
  if (here !== null) {
    const [p, lower, upper] = entry.found.success;
    parts.push(shape("line", { class: "now", x1: x(here), x2: x(here), y1: y(lower), y2: y(upper) }),
      shape("circle", { class: "now-dot", cx: x(here), cy: y(p), r: 5 }));
  }
  byId("curve").replaceChildren(...parts);
  byId("curve-words").textContent = own.posterior
    ? "The truth is a cohort's posterior: there is no curve by one hazard ratio."
    : (points.length ? points.map(([hr, p, lower, upper]) =>
      `Hazard ratio ${hr}: ${percent(p)} (${between(lower, upper, percent)})`).join("; ") + ". " : "")
    + `Band: 95 % Monte Carlo interval, ${whole(about.curve_trials)} trials a point, without ` +
    "uncertainty of the effect. Large point: this truth.";
}

// Saving --------------------------------------------------------------------------------------
byId("save").addEventListener("click", async () => {
  try {
    const text = await (await send("plan.toml", question(null))).text();
    const link = make("a", { download: `${about.name}.toml`,
      href: URL.createObjectURL(new Blob([text], { type: "application/toml" })) });
    link.click();
    URL.revokeObjectURL(link.href);
    byId("faults").replaceChildren();
  } catch (error) {
    told(error);
  }
});

byId("reset").addEventListener("click", () => restore({ scenario: scenario.name,
  values: Object.fromEntries(scenario.controls.map((c) => [c.key, c.value])),
  looks: about.looks.map(() => true) }));

byId("scenario").addEventListener("change", (event) => { choose(event.target.value); ask(); });
byId("controls").addEventListener("submit", (event) => event.preventDefault());

async function start() {
  about = await (await fetch("start")).json();
  document.title = `${about.name}: trial design explorer`;
  byId("title").textContent = `Trial design: ${about.name}`;
  byId("description").textContent = about.description;
  byId("how").textContent = `${whole(about.trials)} trials a simulation, seed ${about.seed}; ` +
    "all designs see the same patients." +
    (about.free ? " Futility rules do not bind: a type I error is that of trials that go on despite them, " +
      "all else is of trials that stop." : "") +
    (about.compiles ? " This design has rules that are compiled for each change: allow half a minute." : "") +
    (about.variants.length ? ` Variants stay as they are: ${about.variants.join(", ")}.` : "");
  byId("scenario").replaceChildren(...about.scenarios.map((one) => make("option", {}, one.name)));
  state.looks = about.looks.map(() => true);
  choose(about.first);
  ask();
}
start().catch(told);
