"use strict";
/* The server sends how all runs stand; a run is drawn anew when it changed. Texts become text nodes, never markup; the
   pieces that the server makes of a candidate are escaped there. */
const sections = [...document.querySelectorAll(".run")];
const connection = document.getElementById("connection");
const dialog = document.getElementById("candidate");
const SVG = "http://www.w3.org/2000/svg";
const LINES = 4;
let states = [];
let drawn = [];
let asked = 0;

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) { node.setAttribute(name, String(value)); }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
function vector(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) { node.setAttribute(name, String(value)); }
  if (text !== undefined) { node.textContent = text; }
  return node;
}
function figures(value) {
  if (value === null || value === undefined) { return "–"; }
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
const rounded = (value) => String(Number(value.toPrecision(4)));
const whole = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en").replaceAll(",", "\u202f"));
const arrow = (goal) => `${goal.label} ${goal.direction === "min" ? "↓" : "↑"}`;
function duration(seconds) {
  if (seconds === null || seconds === undefined) { return "–"; }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) { return `${rounded(seconds)} s`; }
  return minutes < 60 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/* Curves: the best of the first objective over terms scored, a step for each improvement. */
function ticks(low, high, most) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / most));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => span / one <= most) || 10 * power;
  const found = [];
  for (let index = Math.ceil(low / step); index * step <= high + 1e-9 * span; index += 1) { found.push(index * step); }
  return found;
}
function ranges(shown) {
  const values = shown.flatMap((state) => state.curve.map((step) => step[1]));
  const low = Math.min(...values), high = Math.max(...values);
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  return { x: Math.max(1, ...shown.map((state) => state.terms)), low: low - margin, high: high + margin };
}
function curve(named, range, width, caption) {
  const height = Math.min(260, Math.max(170, width / 2.4));
  const left = 52, right = 12, top = 10, bottom = 38;
  const x = (value) => left + (value / range.x) * (width - left - right);
  const y = (value) => top + ((range.high - value) / (range.high - range.low)) * (height - top - bottom);
  const goal = named[0].state.goals[0];
  const plot = vector("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": caption });
  for (const value of ticks(range.low, range.high, 4)) {
    plot.append(vector("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    plot.append(vector("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, rounded(value)));
  }
  for (const value of ticks(0, range.x, Math.max(2, Math.floor(width / 110)))) {
    plot.append(vector("text", { x: x(value), y: height - bottom + 16, "text-anchor": value > range.x * 0.95 ? "end" : "middle" }, whole(value)));
  }
  plot.append(vector("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, `terms scored (${arrow(goal)})`));
  for (const { state, place } of named) {
    const steps = state.curve;
    if (!steps.length) { continue; }
    let path = `M${x(steps[0][0])} ${y(steps[0][1])}`;
    for (const [terms, value] of steps.slice(1)) { path += `H${x(terms)}V${y(value)}`; }
    plot.append(vector("path", { class: `step line-${place % LINES}`, d: `${path}H${x(state.terms)}` }));
  }
  return make("figure", { class: "curve" }, plot, make("figcaption", {}, caption));
}

/* A run. */
function opener(run, candidate) {
  const button = make("button", { type: "button", class: "shown", "data-run": run, "data-id": candidate.id }, candidate.term);
  button.addEventListener("click", () => show(run, candidate));
  return button;
}
function table(caption, heads, rows, found) {
  const head = make("tr", {}, ...heads.map((one) => make("th", one.number ? { scope: "col", class: "number" } : { scope: "col" }, one.text)));
  const body = rows.map((row) => make("tr", row.found ? { class: "found" } : {}, ...row.cells.map((cell, index) => make("td", heads[index].number ? { class: "number" } : {}, cell))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body)));
}
function candidates(run, state, caption, list, extra) {
  const place = state.goals.findIndex((goal) => goal.label === "size");
  const sized = place >= 0 && list.every((one) => one.values[place] === one.size);  /* it may count other nodes */
  const heads = [...state.goals.map((goal) => ({ text: arrow(goal), number: true })), ...(sized ? [] : [{ text: "nodes", number: true }]),
    ...(extra || []).map((one) => ({ text: one.text, number: true })), { text: "expression" }];
  const rows = list.map((one) => ({
    found: one.id === state.found,
    cells: [...one.values.map(figures), ...(sized ? [] : [String(one.size)]), ...(extra || []).map((column) => column.value(one)), opener(run, one)],
  }));
  return table(rows.some((row) => row.found) ? `${caption}; the answer is marked` : caption, heads, rows);
}
function spent(limit) {
  const say = limit.name === "time" ? duration : whole;
  const text = limit.spent === null || limit.spent === undefined ? `of ${say(limit.limit)}; spent is known when the run is over` : `${say(limit.spent)} of ${say(limit.limit)}`;
  if (limit.spent === null || limit.spent === undefined || limit.name === "size") { return make("span", {}, limit.name === "size" ? `up to ${whole(limit.limit)} nodes` : text); }
  return make("span", {}, make("progress", { max: limit.limit, value: Math.min(limit.spent, limit.limit), "aria-label": `${limit.name} spent` }), text);
}
function facts(state) {
  const list = make("dl", { class: "facts" });
  const add = (name, value) => { if (value !== "" && value !== null) { list.append(make("dt", {}, name), make("dd", {}, value)); } };
  add("problem", state.file);
  for (const [name, value] of Object.entries(state.facts)) { if (!(name === "target" && value === "predicted")) { add(name, value); } }
  add("terms scored", `${whole(state.terms)} of ${whole(state.proposed)} proposed`);
  add("fates", Object.entries(state.fates).map(([fate, count]) => `${whole(count)} ${fate}`).join(", "));
  add(state.state === "running" ? "rate now" : "rate", state.rate === null ? "not known yet" : `${whole(state.rate)} terms a minute`);
  add(state.state === "running" ? "since begun" : "search took", duration(state.seconds));
  for (const limit of state.budget) { add(`budget: ${limit.name}`, spent(limit)); }
  return list;
}
function drawRun(run) {
  const state = states[run], body = sections[run].querySelector(".body");
  if (state.error) {
    body.replaceChildren(make("p", { class: "error", role: "alert" }, state.error));
    return;
  }
  const parts = [make("p", {}, make("span", { class: `state ${state.state}` }, state.state), state.ending)];
  parts.push(...state.notes.map((note) => make("p", { class: "note" }, note)));
  const best = state.leaders[0];
  if (best && state.goals.length) {
    parts.push(make("p", { class: "best-so-far" }, `Best on the search pictures: ${arrow(state.goals[0])} `, make("span", { class: "score" }, figures(best.values[0])), ` with ${best.size} nodes: `, opener(run, best)));
    const width = Math.max(260, Math.round(body.clientWidth));
    const steps = state.curve.length;
    const caption = `Best so far over terms scored: ${figures(best.values[0])} after ${whole(state.terms)} terms, ${whole(steps)} ${steps === 1 ? "step" : "steps"}.`;
    if (steps) { parts.push(curve([{ state, place: run }], ranges(scaled(state)), width, caption)); }
  } else {
    parts.push(make("p", {}, best ? "" : "Nothing that satisfies the constraints has been scored on all pictures yet."));
  }
  parts.push(facts(state));
  if (state.leaders.length) { parts.push(candidates(run, state, "Best so far, by their scores on the search pictures", state.leaders)); }
  if (state.front.length) { parts.push(candidates(run, state, state.ordered ? "The best of each size that no smaller one matches" : "The Pareto set", state.front)); }
  if (state.finalists.length) {
    const extra = [{ text: "validation pictures", value: (one) => whole(one.images) }, { text: "P(best)", value: (one) => one.probability.toFixed(2) }];
    parts.push(candidates(run, state, "Finalists, the most probable first", state.finalists, extra));
  }
  body.replaceChildren(...parts);
}
/* The runs with the same first objective; those of one problem and network, which differ in the seed or the strategy, are
   drawn to one scale. */
function alike(state) {
  const same = (other) => !other.error && other.curve.length && other.goals[0].label === state.goals[0].label && other.goals[0].direction === state.goals[0].direction;
  return states.filter(same);
}
function scaled(state) {
  return alike(state).filter((other) => other.file === state.file && other.facts.network === state.facts.network);
}
function drawTogether() {
  const together = document.getElementById("together");
  together.hidden = states.length < 2;
  if (together.hidden) { return; }
  const overview = document.getElementById("overview");
  const heads = [{ text: "run" }, { text: "state" }, { text: "network" }, { text: "seed", number: true }, { text: "strategy" },
    { text: "best", number: true }, { text: "terms", number: true }, { text: "a minute", number: true }, { text: "expression" }];
  const rows = states.map((state, run) => {
    const key = vector("svg", { class: "key", viewBox: "0 0 35 12", "aria-hidden": "true" });
    key.append(vector("line", { class: `line-${run % LINES}`, x1: 0, x2: 35, y1: 6, y2: 6 }));
    const link = make("a", { href: `#run-${run}` }, state.name);
    const name = make("span", {}, key, " ", link);
    if (state.error) { return { cells: [name, "error", "", "", "", "", "", "", ""] }; }
    const best = state.leaders[0];
    const score = best && state.goals.length ? `${figures(best.values[0])} ${arrow(state.goals[0])}` : "–";
    return { cells: [name, state.state, state.facts.network, state.facts.seed, state.facts.strategy, score, whole(state.terms), whole(state.rate), best ? opener(run, best) : "–"] };
  });
  const parts = [table("All runs", heads, rows)];
  const first = states.find((state) => !state.error && state.curve.length);
  const shown = first ? alike(first) : [];
  if (shown.length > 1) {
    const named = shown.map((state) => ({ state, place: states.indexOf(state) }));
    const width = Math.max(260, Math.min(900, Math.round(together.clientWidth)));
    parts.push(curve(named, ranges(shown), width, `Best ${first.goals[0].label} so far of ${shown.length} runs over terms scored.`));
    parts[1].style.maxWidth = "900px";
  }
  overview.replaceChildren(...parts);
}
function draw(all) {
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset : {};
  const within = document.activeElement ? document.activeElement.closest(".run, #overview") : null;
  const scales = JSON.stringify(states.map((state) => (state.error || !state.goals.length ? null : [state.curve, state.terms, state.goals[0]])));
  states.forEach((state, run) => {
    const text = JSON.stringify(state) + scales;
    if (all || text !== drawn[run]) { drawRun(run); drawn[run] = text; }
  });
  drawTogether();
  if (focused.id !== undefined && within && !document.activeElement.dataset.id) {
    const again = document.getElementById(within.id).querySelector(`[data-run="${CSS.escape(focused.run)}"][data-id="${CSS.escape(focused.id)}"]`);
    if (again) { again.focus({ preventScroll: true }); }
  }
}

/* A candidate, on a click. */
async function piece(place, address, number) {
  place.replaceChildren(make("p", { class: "note" }, "Asking the server."));
  let nodes;
  try {
    const answer = await fetch(address);
    const text = await answer.text();
    nodes = answer.ok ? [...new DOMParser().parseFromString(text, "text/html").body.childNodes] : [make("p", { class: "error" }, text)];
  } catch {
    nodes = [make("p", { class: "error" }, "The server does not answer.")];
  }
  if (number === asked) { place.replaceChildren(...nodes); }
}
async function show(run, candidate) {
  asked += 1;
  const number = asked, state = states[run];
  document.getElementById("candidate-scores").textContent = `${state.name}, proposal ${candidate.id}: ${candidate.size} nodes; ` + state.goals.map((goal, index) => `${goal.label} ${figures(candidate.values[index])}`).join(", ");
  dialog.showModal();
  const query = `run=${run}&id=${candidate.id}`;
  await piece(document.getElementById("candidate-formula"), `candidate?${query}`, number);
  if (number === asked && dialog.open) { await piece(document.getElementById("candidate-maps"), `maps?${query}`, number); }
}
document.getElementById("candidate-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  asked += 1;
  for (const name of ["candidate-formula", "candidate-maps"]) { document.getElementById(name).replaceChildren(); }
});

// a browser opens few connections to one server, so that a page that nobody sees must not hold one
let source = null;
function listen() {
  if (document.hidden) { if (source) { source.close(); source = null; } return; }
  if (source) { return; }
  source = new EventSource("events");
  source.addEventListener("open", () => { connection.textContent = "Live: renewed whenever a journal changes. Nothing here changes a run."; connection.classList.remove("error"); });
  source.addEventListener("error", () => { connection.textContent = "The server does not answer; what is shown is the last that it said."; connection.classList.add("error"); });
  source.addEventListener("runs", (event) => { states = JSON.parse(event.data); draw(false); });
}
document.addEventListener("visibilitychange", listen);
listen();
let width = window.innerWidth;
window.addEventListener("resize", () => { if (window.innerWidth !== width && states.length) { width = window.innerWidth; draw(true); } });
