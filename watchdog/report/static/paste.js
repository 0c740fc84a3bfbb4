// Answers for pasted requirements from published data alone: nothing is sent anywhere.
"use strict";
(() => {
  const known = window.WATCHDOG;
  const box = document.getElementById("requirements");
  const answer = document.getElementById("answer");
  const canonical = (name) => name.toLowerCase().replace(/[-_.]+/g, "-");
  const numbers = (version) => version.split(".").map((part) => parseInt(part, 10) || 0);

  function compare(one, other) {
    const [a, b] = [numbers(one), numbers(other)];
    for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
      if ((a[i] || 0) !== (b[i] || 0)) return (a[i] || 0) - (b[i] || 0);
    }
    return 0;
  }

  function parse(text) {
    const found = new Map();
    const unread = [];
    for (const raw of text.split("\n")) {
      const line = raw.replace(/(^|\s)#.*$/, "").trim();
      if (!line) continue;
      const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;@]*)/.exec(line);
      if (!match || line.startsWith("-") || line.includes("://")) { unread.push(line); continue; }
      const bounds = [...match[2].matchAll(/(===?|~=|<=?|>=?|!=)\s*([A-Za-z0-9.*+!_-]+)/g)].map((m) => [m[1], m[2]]);
      found.set(canonical(match[1]), bounds);
    }
    return { found, unread };
  }

  const pinned = (bounds) => (bounds.find(([op]) => op === "==" || op === "===") || [])[1];
  // Whether what is asked for keeps a package below a version already.
  const below = (bounds, version) => (bounds || []).some(([op, v]) =>
    ((op === "==" || op === "===") && compare(v.replace(/\.\*$/, ""), version) < 0)
    || (op === "<" && compare(v, version) <= 0) || (op === "<=" && compare(v, version) < 0));

  function judge(text) {
    const { found, unread } = parse(text);
    const hits = [];
    const add = new Map();
    for (const rule of known.rules) {
      if (!found.has(rule.package)) continue;
      const version = pinned(found.get(rule.package));
      if (rule.version === null ? version !== undefined : version === undefined || compare(version, rule.version) !== 0) continue;
      const lacking = rule.add.filter(([name, bound]) => !below(found.get(canonical(name)), bound));
      if (!lacking.length) continue;
      hits.push([rule, lacking]);
      for (const [name, bound] of lacking) {
        if (!add.has(name) || compare(bound, add.get(name)) < 0) add.set(name, bound);
      }
    }
    const strangers = [...found.keys()].filter((name) => !(name in known.subjects) && !known.core.includes(name));
    return { found, unread, hits, add, strangers };
  }

  const element = (name, text, parent) => {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  };

  function show() {
    const told = judge(box.value);
    answer.replaceChildren();
    if (!told.found.size) {
      if (box.value.trim()) element("p", "No requirement was found in this text.", answer);
      return;
    }
    if (told.hits.length) {
      element("h2", "Breaks", answer);
      const list = element("ul", "", answer);
      list.className = "past";
      for (const [rule, lacking] of told.hits) {
        const item = element("li", "", list);
        const link = element("a", rule.who, item);
        link.href = rule.page;
        item.append(` needs ${lacking.map(([n, v]) => `${n}<${v}`).join(" ")}: `);
        element("code", rule.symptom, item);
        item.append(` (run ${rule.checked})`);
      }
      element("h2", "Add", answer);
      element("pre", [...told.add].map(([name, bound]) => `${name}<${bound}`).join("\n"), answer).className = "typed";
    } else {
      element("h2", "Nothing in it is known to break", answer);
    }
    const watched = told.found.size - told.strangers.length;
    let words = `${watched} of ${told.found.size} packages are under watch; data of ${known.as_of}.`;
    if (told.strangers.length) words += ` Not under watch: ${told.strangers.join(", ")}.`;
    if (told.unread.length) words += ` Not understood: ${told.unread.length} lines.`;
    element("p", words, answer).className = "quiet";
    element("p", "Only published breakages are known here. To run your set itself: flask-watchdog check -r requirements.txt", answer).className = "quiet";
  }

  box.addEventListener("input", show);
  show();
})();
