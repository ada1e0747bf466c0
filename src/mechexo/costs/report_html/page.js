"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.addEventListener("click", () => {
      const choice = button.dataset.themeChoice;
      if (choice === "auto") delete root.dataset.theme;
      else root.dataset.theme = choice;
      for (const other of document.querySelectorAll("[data-theme-choice]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
    });
  }

  const number = (cell) => {
    const text = cell.dataset.value;
    return text === undefined ? null : Number(text);
  };
  // What is missing comes last, whichever way the rest is ordered.
  const compare = (column, numeric, sign) => (left, right) => {
    const [a, b] = [left.cells[column], right.cells[column]];
    if (!numeric) {
      return sign * a.textContent.localeCompare(b.textContent, "en", { numeric: true });
    }
    const [x, y] = [number(a), number(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (button === null) return;
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("number");
        const now = head.getAttribute("aria-sort");
        // Numbers begin with the largest, names with the first.
        const next = now === null ? (numeric ? "descending" : "ascending")
          : now === "ascending" ? "descending" : "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        const rows = [...table.tBodies[0].rows];
        rows.sort(compare(column, numeric, next === "ascending" ? 1 : -1));
        table.tBodies[0].append(...rows);
      });
    });
  }

  for (const field of document.querySelectorAll("[data-filters]")) {
    const rows = [...document.getElementById(field.dataset.filters).tBodies[0].rows];
    const said = field.parentElement.querySelector("output");
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const words = [...row.cells].filter((cell) => !cell.classList.contains("number"))
          .map((cell) => cell.textContent).join(" ").toLowerCase();
        row.hidden = !words.includes(wanted);
        if (!row.hidden) shown += 1;
      }
      said.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    });
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    window.vegaEmbed(place, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    }).catch((error) => {
      place.textContent = "This chart could not be drawn; its figures are in the table below.";
      console.error(error);
    });
  }
})();
