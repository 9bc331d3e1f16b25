"use strict";
// Charts, tables that sort, flips that can be searched. Without this script the page has its texts.

// Charts

function drawn(figure) {
  const chart = JSON.parse(figure.querySelector("script").textContent);
  const target = figure.querySelector(".chart");
  const draw = async (index) => {
    const result = await vegaEmbed(target, chart.specs[index], {
      actions: false,
      ast: true,
      renderer: "svg",
      tooltip: { theme: "custom" },
      patch: (spec) => {
        if (chart.labels) spec.marks.push(chart.labels);
        return spec;
      },
    });
    // The chart's element has the text that stands for all of it.
    target.querySelector("svg").setAttribute("aria-hidden", "true");
    return result;
  };
  const chooser = figure.querySelector(".choices");
  let shown = draw(0);
  if (chooser) {
    chooser.hidden = false;
    chooser.addEventListener("change", (event) => {
      const index = Number(event.target.value);
      shown = shown.then((result) => {
        result.finalize();
        return draw(index);
      });
    });
  }
}

// Tables

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, s: 1, min: 60, h: 3600 };

function number(text) {
  const found = [...text.replace(/\u2212/g, "-").replace(/,/g, "").matchAll(/([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?: ([KMG]iB|s|min|h)\b)?/g)];
  if (!found.length) return NaN;
  // A duration has two numbers: 2 min 05 s.
  const measured = found.filter((each) => each[2]);
  return measured.length ? measured.reduce((sum, each) => sum + each[1] * UNITS[each[2]], 0) : Number(found[0][1]);
}

function key(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  return { text, value: cell.classList.contains("left") || cell.tagName === "TH" ? NaN : number(text) };
}

function compared(a, b) {
  if (!Number.isNaN(a.value) && !Number.isNaN(b.value)) return a.value - b.value;
  // What is not known stands last, whichever way the rest is sorted.
  if (Number.isNaN(a.value) !== Number.isNaN(b.value)) return Number.isNaN(a.value) ? Infinity : -Infinity;
  return a.text.localeCompare(b.text, "en", { numeric: true });
}

function sortBy(table, column) {
  const headings = [...table.tHead.rows[0].cells];
  const heading = headings[column];
  const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => ({ row, place, key: key(row.cells[column]) }));
  rows.sort((a, b) => {
    const order = compared(a.key, b.key);
    return Number.isFinite(order) ? sign * (order || a.place - b.place) : order;
  });
  body.append(...rows.map((each) => each.row));
  for (const each of headings) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
}

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, column));
  });
}

// Copies

function copying(button) {
  button.hidden = false;
  const told = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: copy it with your keyboard";
    }
    setTimeout(() => (button.textContent = told), 2500);
  });
}

// Flips

const AT_ONCE = 10;

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function flipCard(flip, reference, metric) {
  const told = (logprob, value) => metric ? [logprob, element("small", {}, value)] : [logprob];
  const row = (choice, place) => {
    const marks = [];
    if (place === flip.gold) marks.push("right");
    if (place === flip.reference_pick) marks.push(`${reference}'s pick`);
    if (place === flip.pick) marks.push(`${flip.label}'s pick`);
    return element("tr", { className: place === flip.gold ? "gold" : "" },
      element("th", { scope: "row", className: "left" }, String(place)),
      element("td", { className: "left text" }, choice ?? ""),
      element("td", {}, ...told(flip.reference_logprobs[place], flip.reference_values[place])),
      element("td", {}, ...told(flip.logprobs[place], flip.values[place])),
      element("td", { className: "left" }, marks.join(", ")));
  };
  const heading = element("h3", {},
    element("span", { className: `tag ${flip.kind}` }, flip.kind), ` ${flip.label} · item ${flip.item}`,
    element("small", {}, ` ${flip.group}`));
  const head = element("tr", {}, ...["choice", "text", reference, flip.label, "marks"].map((name, place) =>
    element("th", { scope: "col", className: place === 2 || place === 3 ? "" : "left" }, name)));
  const below = metric ? `, and below it what ${metric} compares` : "";
  const caption = element("caption", {}, `Log-probability of each choice, nats${below}`);
  const table = element("table", {}, caption, element("thead", {}, head),
    element("tbody", {}, ...flip.logprobs.map((_, place) => row(flip.choices?.[place], place))));
  const scroll = element("div", { className: "scroll", tabIndex: 0 }, table);
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", `Choices of item ${flip.item}`);
  const context = flip.context === null ? [] : [element("p", { className: "text" }, flip.context)];
  return element("article", { className: "flip" }, heading, ...context, scroll);
}

function browsing(form) {
  const { reference, metric, flips } = JSON.parse(document.getElementById("flips-data").textContent);
  const list = document.getElementById("flips-list");
  const count = document.getElementById("flips-count");
  const more = document.getElementById("flips-more");
  let found = flips;
  let shown = 0;
  const show = () => {
    const next = found.slice(shown, shown + AT_ONCE);
    list.append(...next.map((flip) => flipCard(flip, reference, metric)));
    shown += next.length;
    more.hidden = shown >= found.length;
  };
  const search = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const text = wanted.text.toLocaleLowerCase();
    found = flips.filter((flip) =>
      (!wanted.label || flip.label === wanted.label) &&
      (!wanted.kind || flip.kind === wanted.kind) &&
      (!wanted.group || flip.group === wanted.group) &&
      (!text || [flip.item, flip.context ?? "", ...(flip.choices ?? [])].join("\n").toLocaleLowerCase().includes(text)));
    count.textContent = `${found.length} of ${flips.length} match`;
    list.replaceChildren();
    shown = 0;
    show();
  };
  form.hidden = false;
  form.addEventListener("input", search);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", show);
  search();
}

document.querySelectorAll("figure.drawn").forEach(drawn);
document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("button.copy").forEach(copying);
document.querySelectorAll("#flips-form").forEach(browsing);
// What is folded away is printed, too.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));
