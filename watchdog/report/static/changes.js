// What changed since a run that is chosen, from changes-data.js. Says the same as views/changes.py.
"use strict";
(() => {
  const data = window.WATCHDOG_CHANGES;
  const select = document.getElementById("since-run");
  if (!data || !select) return;
  const RED = 1, WORKS = 2;

  const kind = ([was, , wasVersion, wasFailure], [is, , isVersion, isFailure]) => {
    if (is === RED && was !== RED) return "broke";
    if (was === RED && is === WORKS) return "works";
    if (was !== is) return "state";
    if (is === RED && wasFailure !== isFailure) return "otherwise";
    return wasVersion === isVersion ? null : "version";
  };

  const what = ([, wasWords, wasVersion], [, isWords, isVersion]) => {
    if (wasVersion === isVersion) return `before: ${wasWords}; now: ${isWords}`;
    return `before: ${`${wasVersion} ${wasWords}`.trim()}; now: ${`${isVersion} ${isWords}`.trim()}`;
  };

  // Groups by kind, then by subject and words: the ids of the cells.
  const changesSince = (run) => {
    const groups = new Map(Object.keys(data.headings).map((name) => [name, new Map()]));
    for (const [cell, row] of Object.entries(data.cells)) {
      let before = null;
      for (let i = 0; i < row.length && row[i] <= run; i += 2) before = data.results[row[i + 1]];
      const after = data.results[row[row.length - 1]];
      const sort = before && kind(before, after);
      if (!sort) continue;
      const key = `${cell.split("/")[0]}\n${what(before, after)}`;
      const own = groups.get(sort);
      own.set(key, [...(own.get(key) || []), cell]);
    }
    return groups;
  };

  const element = (name, text, ...children) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  };

  const show = (run) => {
    const answer = document.getElementById("since-answer");
    const titles = new Map(data.subjects);
    const order = new Map(data.subjects.map(([name], i) => [name, i]));
    answer.replaceChildren();
    for (const [sort, own] of changesSince(run)) {
      if (!own.size) continue;
      const entries = [...own].map(([key, cells]) => [...key.split("\n"), cells]);
      entries.sort((a, b) => order.get(a[0]) - order.get(b[0]) || (a[1] < b[1] ? -1 : 1));
      const list = element("ul");
      list.className = "past";
      for (const [subject, words, cells] of entries) {
        const name = element("b", titles.get(subject));
        const ids = element("p");
        ids.className = "ids";
        for (const cell of cells.sort()) ids.append(element("code", cell), " ");
        const count = `in ${cells.length} combination${cells.length === 1 ? "" : "s"}`;
        list.append(element("li", "", name, `: ${words} `, element("details", "", element("summary", count), ids)));
      }
      answer.append(element("h3", data.headings[sort]), list);
    }
    if (!answer.childElementCount) answer.append(element("p", "Nothing changed."));
  };

  select.closest("[hidden]").hidden = false;
  select.addEventListener("change", () => show(Number(select.value)));
  show(Number(select.value));
})();
