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
/* The gallery: a slider chooses the method whose map lies over its picture. */
function show(slider) {
  const figure = slider.closest("figure");
  const chosen = Number(slider.value);
  const choose = (nodes) => nodes.forEach((node, index) => { node.hidden = index !== chosen; });
  choose(figure.querySelectorAll(".map"));
  const labels = figure.querySelectorAll("output span");
  choose(labels);
  slider.setAttribute("aria-valuetext", labels[chosen].textContent);
}
const sliders = document.querySelectorAll("input.methods");
for (const slider of sliders) {
  slider.addEventListener("input", () => show(slider));
  show(slider);
}
const everywhere = document.getElementById("everywhere");
if (everywhere) {
  everywhere.addEventListener("change", () => {
    for (const slider of sliders) { slider.value = everywhere.value; show(slider); }
  });
  const opacity = document.getElementById("opacity");
  opacity.addEventListener("input", () => {
    document.documentElement.style.setProperty("--opacity", String(opacity.value / 100));
  });
}
