"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], rows = [...body.rows];
  const words = new Intl.Collator("en", {numeric: true});
  const compare = (one, other) => {
    if (one.rank !== null && other.rank !== null) return one.rank - other.rank;
    return one.rank === other.rank ? words.compare(one.text, other.text) : NaN;
  };
  const key = (row, column) => {
    const cell = row.cells[column];
    return {rank: "rank" in cell.dataset ? Number(cell.dataset.rank) : null, text: cell.textContent.trim()};
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const ranked = rows.some((row) => key(row, column).rank !== null);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const way = before ? (before === "ascending" ? -1 : 1) : (ranked ? -1 : 1);
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      const keyed = rows.map((row) => [key(row, column), row]);
      keyed.sort(([one], [other]) => {
        const order = compare(one, other);
        return Number.isNaN(order) ? (one.rank === null) - (other.rank === null) : way * order;
      });
      body.append(...keyed.map(([, row]) => row));
    });
  });
  table.classList.add("ready");
}
