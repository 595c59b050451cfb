"use strict";
(function () {
  const byId = (id) => document.getElementById(id);

  function explorer() {
    const source = byId("view");
    if (!source) return;
    const view = JSON.parse(source.textContent);
    const root = byId("explorer");
    const modifier = byId("modifier");
    const month = byId("month");
    const chart = byId("survival-chart");
    const ratio = byId("ratio-chart");
    root.querySelectorAll("[hidden]").forEach((part) => { part.hidden = false; });

    function atModifier() {
      const i = Number(modifier.value);
      const position = view.positions[i];
      modifier.setAttribute("aria-valuetext", position.at);
      byId("modifier-value").textContent = position.at;
      root.querySelectorAll(".at-value").forEach((part) => { part.textContent = position.at; });
      view.survival.sets[i].forEach((part, k) => {
        chart.querySelector(".band.s" + k).setAttribute("d", part.band);
        chart.querySelector(".line.s" + k).setAttribute("d", part.line);
      });
      const rows = byId("readout").tBodies[0].rows;
      position.rows.forEach((cells, r) => cells.forEach((cell, c) => {
        rows[r].cells[c].textContent = cell;
      }));
      const point = i ? view.ratio.points[i - 1] : [-20, -20];
      byId("ratio-marker").setAttribute("cx", point[0]);
      byId("ratio-marker").setAttribute("cy", point[1]);
      atMonth();
    }

    function atMonth() {
      const t = Number(month.value);
      const box = view.survival.box;
      const last = view.months.length - 1;
      const x = box[0] + (box[2] - box[0]) * view.months[t] / view.months[last];
      const label = String(Math.round(view.months[t] * 10) / 10);
      month.setAttribute("aria-valuetext", "month " + label);
      byId("month-value").textContent = label;
      byId("month-cursor").setAttribute("d", "M" + x.toFixed(1) + " " + box[1] + "V" + box[3]);
      view.curves[Number(modifier.value)].forEach((curve, k) => {
        const words = curve["median"][t].toFixed(2) + " (" + curve["q2.5"][t].toFixed(2) +
          " to " + curve["q97.5"][t].toFixed(2) + ")";
        root.querySelector('.at-month[data-strategy="' + k + '"]').textContent =
          " (month " + label + "): " + words;
      });
    }

    function pointed(svg, event) {
      const frame = svg.getBoundingClientRect();
      return (event.clientX - frame.left) * view.survival.width / frame.width;
    }

    chart.addEventListener("pointermove", (event) => {
      const box = view.survival.box;
      const share = (pointed(chart, event) - box[0]) / (box[2] - box[0]);
      const at = share * view.months[view.months.length - 1];
      const gaps = view.months.map((value) => Math.abs(value - at));
      month.value = gaps.indexOf(Math.min(...gaps));
      atMonth();
    });
    function nearest(event) {
      const x = pointed(ratio, event);
      const gaps = view.ratio.points.map((point) => Math.abs(point[0] - x));
      modifier.value = gaps.indexOf(Math.min(...gaps)) + 1;
      atModifier();
    }
    ratio.addEventListener("pointermove", nearest);
    ratio.addEventListener("pointerdown", nearest);
    modifier.addEventListener("input", atModifier);
    month.addEventListener("input", atMonth);
    const early = view.months.findIndex((value) => value >= 12);
    month.value = early < 0 ? view.months.length - 1 : early;
    atModifier();
  }

  function order(a, b) {
    if (a === "" || b === "") return a === b ? 0 : (a === "" ? 1 : -1);
    const x = Number(a);
    const y = Number(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a.localeCompare(b, "en", { numeric: true });
  }

  function sortable(table) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const key = (row) => row.cells[column].dataset.sort || "";
        const rows = Array.from(body.rows);
        rows.sort((a, b) => {
          const found = order(key(a), key(b));
          const empty = key(a) === "" || key(b) === "";
          return down && !empty ? -found : found;
        });
        body.append(...rows);
      });
    });
  }

  function filterable(block, table, number) {
    const rows = Array.from(table.tBodies[0].rows);
    if (rows.length < 6) return;
    const bar = document.createElement("div");
    bar.className = "filter";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const shown = document.createElement("span");
    input.type = "search";
    input.id = "filter-" + number;
    label.htmlFor = input.id;
    label.textContent = "Show rows with";
    shown.setAttribute("role", "status");
    function apply() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row) => {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) count += 1;
      });
      shown.textContent = count + " of " + rows.length + " rows";
    }
    input.addEventListener("input", apply);
    bar.append(label, input, shown);
    block.prepend(bar);
    apply();
  }

  // What is folded opens where a link leads into it, and on paper.
  function unfold() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    const inside = target.querySelector(":scope > details");
    if (inside) inside.open = true;
    for (let part = target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", unfold);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
  });
  unfold();

  explorer();
  document.querySelectorAll("[data-interactive]").forEach((block, number) => {
    const table = block.querySelector("table");
    sortable(table);
    filterable(block, table, number);
  });
}());
