"use strict";
// The page of a run that goes on: it draws each state that it is told, as text alone.
(() => {
  const part = (name) => document.getElementById(name);
  const columns = ["label", "task", "amount", "accuracy", "range", "difference"];
  const states = { waiting: "waits", scoring: "is scored", done: "done", failed: "failed" };
  const tries = 4;
  let failed = 0;

  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };

  const bar = (share, label) => {
    const made = document.createElement("progress");
    made.setAttribute("aria-label", label);
    made.max = 1;
    if (share !== null) made.value = share;
    return made;
  };

  const drawRows = (rows) => {
    part("table").hidden = rows.length === 0;
    part("table").classList.toggle("one-task", new Set(rows.map((row) => row.task)).size < 2);
    part("rows").replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      line.className = row.state;
      const counts = `${row.done.toLocaleString("en")} of ${row.total.toLocaleString("en")}`;
      const texts = { ...row, amount: `${counts}, ${states[row.state]}` };
      line.append(...columns.map((name, at) => {
        const cell = element(at === 0 ? "th" : "td", texts[name] || "\u2013");
        if (at === 0) cell.scope = "row";
        if (name === "task" || name === "amount") cell.className = "left";
        if (name === "amount") cell.prepend(bar(row.total ? row.done / row.total : null, row.label));
        if (name === "difference" && row.state === "scoring" && row.difference) {
          cell.append(element("small", "not final"));
        }
        return cell;
      }));
      return line;
    }));
  };

  const drawWork = (work) => {
    part("doing").hidden = work.length === 0;
    part("work").replaceChildren(...work.map((each) => {
      const line = element("p", `${each.name}: ${[each.amount, ...each.notes].join(", ")} `);
      line.append(bar(each.share, each.name));
      return line;
    }));
  };

  const draw = (state) => {
    drawRows(state.rows);
    drawWork(state.work);
    part("messages").hidden = state.lines.length === 0;
    part("lines").replaceChildren(...state.lines.map((line) => element("li", line)));
    if (state.end) {
      part("state").textContent = state.end;
      part("what").textContent = "Run ended";
      document.title = "edgeval: run ended";
    } else if (state.rows.length) part("state").textContent = "The run goes on.";
  };

  const news = new EventSource("events");
  let end = "";
  news.onmessage = (event) => {
    failed = 0;
    const state = JSON.parse(event.data);
    end = state.end;
    draw(state);
  };
  const taken = async (name) => {
    const answer = await fetch(name, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.text();
  };

  // Links of the report lead to copies, each in a tab of its own, for this tab holds them all.
  const linkCopies = (copies) => {
    for (const link of document.querySelectorAll("a[href]")) {
      const name = link.getAttribute("href");
      if (name.startsWith("#") || new URL(link.href).origin !== location.origin) continue;
      if (copies.has(name)) {
        link.href = URL.createObjectURL(new Blob([copies.get(name)], { type: "text/html" }));
        link.target = "_blank";
      } else {
        link.replaceWith(...link.childNodes);
      }
    }
  };

  news.addEventListener("report", async (event) => {
    news.close();
    // The server ends when the report is taken, so what it links to comes before.
    const copies = new Map();
    await Promise.all(JSON.parse(event.data).map(async (name) => {
      try { copies.set(name, await taken(name)); } catch { /* Nothing will link to it. */ }
    }));
    let text;
    try { text = await taken(""); } catch { return; }
    // A page that is loaded again would need the server.
    document.open();
    document.write(text);
    document.close();
    linkCopies(copies);
    const links = copies.size ? " Links to tasks open copies, too, while this tab is open." : "";
    const ended = element("p", `${end} This tab shows a copy of it.${links}`);
    ended.className = "byline sans";
    ended.setAttribute("role", "status");
    document.body.prepend(ended);
  });
  news.onerror = () => {
    failed += 1;
    if (end || failed >= tries) news.close();
    if (!end) part("state").textContent = "The run does not answer: it has ended, or was stopped.";
  };
})();
