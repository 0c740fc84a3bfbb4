// The search box at the top of every page: shows what is known about whatever is put into it. Nothing is sent anywhere.
"use strict";
(() => {
  const form = document.getElementById("search");
  const { root } = form.dataset;
  const box = document.getElementById("question");
  const answers = document.getElementById("answers");
  const choices = document.getElementById("choices");
  const python = document.getElementById("python");
  const series = document.getElementById("series");
  const link = document.getElementById("answer-link");
  const LISTED = 8;
  const SHOWN_CURES = 4;
  const MOST_ROWS = 12;

  const scripts = new Map();
  // Loads a script of the site once.
  function load(name) {
    if (!scripts.has(name)) {
      scripts.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = root + name;
        script.onload = resolve;
        script.onerror = () => reject(new Error(name));
        document.head.append(script);
      }));
    }
    return scripts.get(name);
  }

  async function loadAll(names) {
    for (const name of names) await load(name);
  }

  const ERRORS = ["search-data.js", "search-formats.js", "search-errors.js"];
  const REQUIREMENTS = ["paste-data.js", "paste-requirements.js", "paste-answers.js", "paste.js"];

  function add(parent, tag, text = "", kind = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    parent.append(made);
    return made;
  }

  function addLink(parent, text, page) {
    const made = add(parent, "a", text);
    made.href = root + page;
    return made;
  }

  // --- answers -------------------------------------------------------------------------------------

  // The package whose code shows an error: the innermost in the traceback of which something is known.
  const innermost = (error, packages) => [...packages].find((name) => error.cures.some(([subject]) => subject === name));

  // What to type: for the package whose code shows it; without a traceback for each package that did.
  function showCures(parent, error, packages, isTraceback) {
    const own = innermost(error, packages);
    if (!own && isTraceback) {
      add(parent, "p", "None of these packages is in your traceback: the line is in your own code, or in a package that is not tested here.");
      return;
    }
    const cures = own ? error.cures.filter(([subject]) => subject === own) : error.cures;
    for (const [subject, title, typed, pythons] of cures.slice(0, SHOWN_CURES)) {
      add(parent, "p", own || !title ? `${title}:` : `If ${title} is in your traceback:`, "quiet");
      add(parent, "pre", typed, "typed").dataset.subject = subject;
      add(parent, "p", `Run and found to work on Python ${pythons.join(", ")}.`, "quiet");
    }
  }

  function showError(items, { error }, packages, withCures, isTraceback = false) {
    const item = add(items, "li");
    const subject = innermost(error, packages);
    const name = addLink(item, "", `errors/${error.address}.html${subject ? `#${subject}` : ""}`);
    add(name, "code", error.title);
    add(item, "p", error.verdict, "quiet");
    if (withCures) showCures(item, error, packages, isTraceback);
  }

  function showErrors(parent, text) {
    const { found, isExact, packages } = window.SearchErrors.search(text);
    if (!found.length) {
      const words = text.length < 80 ? window.SearchErrors.searchWords(text) : [];
      const titled = showTitles(parent, text);
      if (titled && !words.length) return;
      add(parent, "p", words.length ? "Errors with these words:" : "No known error is like this one, and it is no package, requirement or lock file that can be read here.");
      const items = add(parent, "ul", "", "past");
      for (const error of words.slice(0, LISTED)) showError(items, { error }, packages, words.length === 1);
      if (!words.length) addLink(add(parent, "p"), "All error messages that are known", "errors.html");
      return;
    }
    if (!isExact) add(parent, "p", "This text is not known. Alike:");
    const items = add(parent, "ul", "", "past");
    const best = found.filter(({ rank }) => rank >= found[0].rank - 0.15).slice(0, LISTED);
    const isTraceback = /^\s*File ".*", line \d+/m.test(text);
    best.forEach((match, place) => showError(items, match, packages, place === 0 && isExact, isTraceback));
  }

  function showSubject(items, [subject, title, word, symbol, version, cure, pythons]) {
    const item = add(items, "li", `${symbol} `);
    addLink(item, `${title} ${version}`.trim(), `subjects/${subject}.html`);
    item.append(`: ${word} on a fresh install today`);
    if (!cure) return;
    add(item, "pre", cure, "typed");
    add(item, "p", `Run and found to work on Python ${pythons.join(", ")}.`, "quiet");
  }

  // Packages and tutorials whose title has all words that were typed; returns how many.
  function showTitles(parent, text) {
    const words = text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word.length > 1);
    if (!words.length || text.length >= 80) return 0;
    const rows = window.WATCHDOG_SEARCH.subjects.filter(([, title]) => words.every((word) => title.toLowerCase().includes(word)));
    const items = rows.length ? add(parent, "ul", "", "past") : null;
    for (const row of rows.slice(0, LISTED)) showSubject(items, row);
    return rows.length;
  }

  // Packages whose name is, begins with, or contains what was typed.
  function showNames(parent, text) {
    const wanted = window.SearchFormats.canonical(text.trim());
    const quality = (name) => (name === wanted ? 0 : name.startsWith(wanted) || name.endsWith(`-${wanted}`) ? 1 : name.includes(wanted) ? 2 : 3);
    const rows = window.WATCHDOG_SEARCH.subjects.map((row) => [quality(row[0]), row]).filter(([rank]) => rank < 3);
    rows.sort((a, b) => a[0] - b[0]);
    const items = add(parent, "ul", "", "past");
    for (const [, row] of rows.slice(0, LISTED)) showSubject(items, row);
    const errors = window.SearchErrors.searchWords(text.trim());
    if (errors.length) {
      add(parent, "p", "Error messages that name it:");
      const list = add(parent, "ul", "", "past");
      for (const error of errors.slice(0, LISTED)) showError(list, { error }, new Set([wanted]), errors.length === 1);
    }
    if (!rows.length && !errors.length) {
      add(parent, "p", `${text.trim()} is not under watch here, and no known error names it.`);
    }
  }

  function fillSeries() {
    if (series.options.length > 1) return;
    for (const name of window.PasteBox.frameworks) series.append(new Option(name, name));
  }

  async function showRequirements(parent, recognised, text) {
    let known = recognised;
    if (known.needs) {
      await load(known.needs);
      known = window.SearchFormats.recognise(text);
    }
    await loadAll(REQUIREMENTS);
    fillSeries();
    add(parent, "p", `Read as: ${known.format}.`, "quiet");
    window.PasteBox.show(parent, known.text || "", python.value || null, series.value || null);
    if (known.unread && known.unread.length) add(parent, "p", `Not read: ${known.unread.slice(0, 30).join(", ")}.`, "quiet");
  }

  // --- the box -------------------------------------------------------------------------------------

  let latest = 0;

  async function answer() {
    const text = box.value;
    latest += 1;
    const mine = latest;
    box.rows = Math.max(1, Math.min(MOST_ROWS, text.split("\n").length));
    const shown = document.createElement("div");
    let kind = "nothing";
    try {
      await loadAll(ERRORS);
      const names = new Set(window.WATCHDOG_SEARCH.subjects.map(([subject]) => subject));
      let recognised = window.SearchFormats.recognise(text);
      if (recognised.kind === "error") recognised = window.SearchFormats.spoken(text, names) || recognised;
      kind = recognised.kind;
      if (kind === "error") showErrors(shown, text);
      if (kind === "name") showNames(shown, recognised.text || text);
      if (kind === "requirements") await showRequirements(shown, recognised, text);
    } catch (error) {
      add(shown, "p", `A file of this site could not be loaded: ${error.message}.`);
    }
    if (mine !== latest) return;
    answers.replaceChildren(...shown.childNodes);
    answers.querySelectorAll("pre.typed").forEach(window.Page.addCopyButton);
    answers.hidden = kind === "nothing";
    choices.hidden = kind !== "requirements";
    link.parentElement.hidden = kind === "nothing";
    keepAddress(text);
  }

  // Puts the question into the address, after the #: it is not sent to any server.
  function keepAddress(text) {
    const parts = [`ask=${encodeURIComponent(text)}`];
    if (python.value) parts.push(`python=${python.value}`);
    if (series.value) parts.push(`series=${series.value}`);
    link.href = `${root}paste.html#${parts.join("&")}`;
    if (form.dataset.here !== "paste.html") return;
    history.replaceState(null, "", text.trim() ? `#${parts.join("&")}` : location.pathname);
  }

  function fromAddress() {
    if (!location.hash.startsWith("#ask=")) return false;
    const asked = new URLSearchParams(location.hash.slice(1).replace(/\+/g, "%2B"));
    box.value = asked.get("ask");
    python.value = asked.get("python") || "";
    const wanted = asked.get("series");
    if (wanted && /^[0-9]+\.[0-9]+$/.test(wanted)) {
      if (![...series.options].some(({ value }) => value === wanted)) series.append(new Option(wanted, wanted));
      series.value = wanted;
    }
    return true;
  }

  let waiting = 0;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(answer, 100);
  });
  box.addEventListener("focus", () => { loadAll(ERRORS).catch(() => {}); }, { once: true });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.value = ""; answer(); }
    if (event.key !== "Enter" || event.shiftKey || box.value.includes("\n")) return;
    event.preventDefault();
    const first = answers.querySelector("a");
    if (first && !answers.hidden) first.click();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    event.preventDefault();
    box.focus();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  python.addEventListener("change", answer);
  series.addEventListener("change", answer);
  window.addEventListener("hashchange", () => { if (fromAddress()) answer(); });
  form.hidden = false;
  if (fromAddress()) answer();
  else if (box.value) answer();
  if (form.dataset.here === "paste.html") box.focus();
})();
