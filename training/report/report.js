"use strict";
// What the page does beyond showing itself: tables are sorted by their heads, pictures are laid over each other
// with a slider, details are open on paper. Without it everything is there, side by side.
(() => {
  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text.replace(/\u202f/g, ""));
    return Number.isNaN(number) ? text : number;
  };

  const sortBy = (table, head) => {
    const column = head.cellIndex;
    const falling = head.getAttribute("aria-sort") !== "descending";
    const isText = !head.classList.contains("number");
    const up = isText ? head.getAttribute("aria-sort") !== "ascending" : !falling;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const x = valueOf(a, column), y = valueOf(b, column);
      if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
      const order = typeof x === "number" ? x - y : x.localeCompare(y);
      return up ? order : -order;
    });
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells)
      head.querySelector("button").addEventListener("click", () => sortBy(table, head));
  }

  const element = (tag, name, parent) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    parent.append(made);
    return made;
  };

  // Which of the panels lies at the left of the slider, and which at its right.
  const choice = (bar, title, panels, chosen, show) => {
    const label = element("label", "", bar);
    label.append(title);
    const select = element("select", "", label);
    panels.forEach((panel, i) => select.add(new Option(panel.querySelector(".name").textContent, i, false, i === chosen)));
    const apply = () => show(panels[select.selectedIndex].querySelector("img"));
    select.addEventListener("change", apply);
    apply();
  };

  for (const figure of document.querySelectorAll("figure.sample")) {
    const holder = figure.querySelector(".panels");
    const panels = [...holder.children];
    const view = document.createElement("div");
    view.className = "view";
    holder.before(view);
    const under = element("img", "", view);
    const over = element("img", "over", view);
    element("div", "edge", view);
    const bar = document.createElement("div");
    bar.className = "wipe";
    view.after(bar);
    const take = (to) => (from) => {
      to.src = from.src;
      to.alt = from.alt;
    };
    choice(bar, "Left", panels, 0, take(under));
    choice(bar, "Right", panels, 2, take(over));
    const label = element("label", "slide", bar);
    const slider = element("input", "", label);
    slider.type = "range";
    slider.min = 0;
    slider.max = 100;
    slider.value = 50;
    slider.setAttribute("aria-label", "Where the left picture ends, in percent of the width");
    slider.addEventListener("input", () => view.style.setProperty("--at", slider.value + "%"));
    figure.classList.add("wiped");
  }

  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
