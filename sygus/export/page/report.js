"use strict";
/* Sorting: a heading's button sorts its column, again the other way round. Cells sort by data-value, else by text; those
   whose data-value is empty come last. */
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      const key = (row) => {
        const cell = row.cells[column];
        if (cell.dataset.value === "") { return null; }
        return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
      };
      const direction = ascending ? 1 : -1;
      const compare = (a, b) => {
        if (a === null || b === null) { return (a === null) - (b === null); }
        return direction * (typeof a === "number" ? a - b : a.localeCompare(b, "en"));
      };
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => compare(key(a), key(b)));
      body.append(...rows);
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    });
  });
}
/* What works by this script alone is shown by it. */
document.querySelectorAll(".control, input.methods, #told").forEach((node) => { node.hidden = false; });
/* A table that is wider than its frame says so. */
const frames = document.querySelectorAll(".scroll");
const watch = new ResizeObserver(() => {
  for (const frame of frames) { frame.classList.toggle("wide", frame.scrollWidth > frame.clientWidth + 1); }
});
frames.forEach((frame) => watch.observe(frame));
/* Filters: rows of the section that lack a word are hidden, and the points of its plots with them. */
for (const field of document.querySelectorAll("input.filter")) {
  const section = field.closest("section");
  const rows = [...section.querySelectorAll("tr[data-candidate]")];
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const left = new Set(rows.filter((row) => !row.hidden).map((row) => row.dataset.candidate));
    for (const point of section.querySelectorAll(".point")) {
      point.classList.toggle("out", !left.has(point.dataset.candidate));
    }
    field.parentNode.querySelector("output").textContent =
      words.length ? `${left.size} of ${new Set(rows.map((row) => row.dataset.candidate)).size} expressions` : "";
  });
}
/* A candidate that is pointed at, or has the focus, stands out in every table and plot, and its formula is shown. */
const told = document.getElementById("told");
let lit = null;
function light(candidate) {
  if (candidate === lit) { return; }
  lit = candidate;
  document.querySelectorAll(".lit").forEach((node) => node.classList.remove("lit"));
  const nodes = document.querySelectorAll(`[data-candidate="${Number(candidate)}"]`);
  nodes.forEach((node) => node.classList.add("lit"));
  const point = [...nodes].find((node) => node.classList.contains("point"));
  if (told && point) { told.textContent = point.querySelector("title").textContent; }
}
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const node = event.target.closest("[data-candidate]");
    if (node) { light(node.dataset.candidate); }
  });
}
/* Of a plot's points one takes the focus of the tab key; the arrow keys go from point to point, from the left. */
for (const layer of document.querySelectorAll(".points")) {
  const at = (point) => Number(point.querySelector("circle").getAttribute("cx"));
  const points = [...layer.querySelectorAll(".point")].sort((a, b) => at(a) - at(b));
  points.forEach((point, index) => point.setAttribute("tabindex", index ? "-1" : "0"));
  layer.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const now = points.indexOf(document.activeElement);
    if (!step || now < 0) { return; }
    event.preventDefault();
    const next = points[(now + step + points.length) % points.length];
    points[now].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
/* The gallery: a slider chooses the method whose map lies over its picture, or all are shown side by side. */
const together = document.getElementById("together");
function show(slider) {
  const figure = slider.closest("figure");
  const chosen = Number(slider.value);
  const cells = figure.querySelectorAll(".cell");
  cells.forEach((cell, index) => { cell.hidden = !together.checked && index !== chosen; });
  const label = cells[chosen].querySelector("p").textContent;
  figure.querySelector("output").textContent = label;
  slider.setAttribute("aria-valuetext", label);
}
const sliders = document.querySelectorAll("input.methods");
function arrange() {
  document.querySelectorAll(".gallery").forEach((one) => one.classList.toggle("together", together.checked));
  sliders.forEach(show);
}
if (together) {
  const everywhere = document.getElementById("everywhere");
  sliders.forEach((slider) => slider.addEventListener("input", () => show(slider)));
  together.addEventListener("change", arrange);
  everywhere.addEventListener("change", () => {
    for (const slider of sliders) { slider.value = everywhere.value; show(slider); }
  });
  document.getElementById("opacity").addEventListener("input", (event) => {
    document.documentElement.style.setProperty("--opacity", String(event.target.value / 100));
  });
  for (const point of document.querySelectorAll(".point[data-map]")) {
    point.addEventListener("click", () => {
      const figure = document.querySelector(point.getAttribute("href"));
      document.querySelectorAll(".cell.lit").forEach((cell) => cell.classList.remove("lit"));
      figure.querySelectorAll(".cell")[point.dataset.map].classList.add("lit");
      const slider = figure.querySelector("input.methods");
      slider.value = point.dataset.map;
      show(slider);
    });
  }
  arrange();
}
/* On paper the problem is open, all methods are side by side, and a long formula is made to fit. */
const PAPER = 640;
const closed = [...document.querySelectorAll("details:not([open])")];
addEventListener("beforeprint", () => {
  closed.forEach((one) => { one.open = true; });
  for (const line of document.querySelectorAll(".formula > div")) {
    line.style.zoom = String(Math.min(1, PAPER / line.scrollWidth));
  }
  document.querySelectorAll(".gallery").forEach((one) => one.classList.add("together"));
  document.querySelectorAll(".cell").forEach((cell) => { cell.hidden = false; });
});
addEventListener("afterprint", () => {
  closed.forEach((one) => { one.open = false; });
  document.querySelectorAll(".formula > div").forEach((line) => { line.style.zoom = ""; });
  arrange();
});
