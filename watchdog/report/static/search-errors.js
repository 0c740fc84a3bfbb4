// Finds known errors in a pasted line or traceback. The normal form is that of facts/errors.py; tests/browser compares them.
"use strict";
(() => {
  const PREFIX = /^(?:E\s{2,}|>\s+|#+\s|\$\s)/;
  const PATH = /\s*\((?:[^()\s]*[/\\][^()]*|unknown location)\)/g;
  const GUESS = /\.? Did you mean:? .*$/;
  const FOLDERS = /(?:[A-Za-z]:)?(?:[\\/][\w.@~+-]+)*[\\/](?=[\w.@~+-]+\.\w+)/g;
  const LEAST = 12; // characters of a form that may stand within a longer line
  const FEWEST_WORDS = 3; // of a line that may stand within a longer form
  const ALIKE = 0.6; // share of words in common that is still the same error

  function normalForm(text) {
    const plain = text.trim().replace(PREFIX, "").replace(PATH, "").replace(GUESS, "").trim()
      .replace(/[“”‘’'"`]/g, "").replace(FOLDERS, "").replace(/\b0x[0-9a-fA-F]+/g, "0");
    return plain.replace(/[0-9]+/g, "0").toLowerCase().split(/\s+/).filter(Boolean).join(" ");
  }

  const words = (form) => new Set(form.match(/[\w.]{2,}/g) || []);

  function load() {
    return window.WATCHDOG_SEARCH.errors.map(([address, title, forms, packages, verdict, today, cures]) => {
      const own = [normalForm(title), ...forms];
      return { address, title, packages, verdict, cures, today: today === 1, forms: own.map((form) => ({ form, words: words(form) })) };
    });
  }

  // The packages that a traceback goes through, by canonical name, the innermost first.
  function packagesOf(text) {
    const canonical = window.SearchFormats.canonical;
    const named = [...text.matchAll(/(?:site|dist)-packages[\\/]([\w.-]+?)(?:\.py)?(?=[\\/"',\s:]|$)/g)].map((match) => canonical(match[1]));
    return new Set(named.reverse());
  }

  // How well one form fits the lines: 1 is the same text, 0 is nothing in common.
  function fit({ form, words: own }, lines, joined) {
    let best = 0;
    const stem = form.endsWith("…") ? form.slice(0, -1).trim() : null;
    lines.forEach((line, place) => {
      if (!line) return;
      if (line === form) best = 1;
      else if (form.length >= LEAST && line.includes(form)) best = Math.max(best, 0.9 + 0.09 * (form.length / line.length));
      else if (stem && (line.startsWith(stem) || joined[place].startsWith(stem))) best = Math.max(best, 0.95);
      else if (joined[place].startsWith(form) || (line.split(" ").length >= FEWEST_WORDS && form.includes(line))) best = Math.max(best, 0.85);
    });
    if (best) return best;
    for (const line of lines) {
      const there = words(line);
      const common = [...own].filter((word) => there.has(word)).length;
      const share = common / Math.max(1, Math.min(own.size + there.size - common, 60));
      if (common >= 3 && share >= ALIKE) best = Math.max(best, 0.8 * share);
    }
    return best;
  }

  // Known errors in a text, the best first, each with `score`; of equal ones those whose packages the traceback names.
  function search(text) {
    const errors = window.SearchErrors.errors || (window.SearchErrors.errors = load());
    const raw = text.split(/\r\n|[\n\r]/).map((line) => line.trim()).filter(Boolean);
    const lines = [normalForm(text), ...raw.map(normalForm)];
    const joined = lines.map((line, place) => (place ? normalForm(raw.slice(place - 1, place + 9).join(" ")) : line));
    const packages = packagesOf(text);
    const found = [];
    for (const error of errors) {
      const score = Math.max(...error.forms.map((form) => fit(form, lines, joined)));
      const named = error.packages.filter((name) => packages.has(name)).length;
      if (score > 0) found.push({ error, score, named, rank: score + Math.min(named, 5) * 0.02 });
    }
    found.sort((a, b) => b.rank - a.rank || Number(b.error.today) - Number(a.error.today));
    const sure = found.filter(({ score }) => score >= 0.85);
    return { found: sure.length ? sure : found, isExact: sure.length > 0, packages };
  }

  // Errors that have all words of a short question.
  function searchWords(text) {
    const errors = window.SearchErrors.errors || (window.SearchErrors.errors = load());
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    return errors.filter(({ title, packages }) => {
      const there = `${title} ${packages.join(" ")}`.toLowerCase();
      return wanted.every((word) => there.includes(word));
    });
  }

  window.SearchErrors = { normalForm, search, searchWords, packagesOf };
})();
