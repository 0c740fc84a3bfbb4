// Finds known errors in a pasted line or traceback. The normal form is that of facts/errors.py; tests/browser compares them.
"use strict";
(() => {
  const PREFIX = /^(?:E\s{2,}|>\s+|#+\s|\$\s)/;
  const PATH = /\s*\((?:[^()\s]*[/\\][^()]*|unknown location)\)/g;
  const GUESS = /\.? Did you mean:? .*$/;
  const FOLDERS = /(?:[A-Za-z]:)?(?:[\\/][\w.@~+-]+)*[\\/](?=[\w.@~+-]+\.\w+)/g;
  const LEAST = 12; // characters of a form that may stand within a longer line
  const FEWEST_WORDS = 3; // of a line that may stand within a longer form
  const PART = 0.85; // share of a form that a line which stands within it must have
  const ALIKE = 0.6; // share of words in common that is still alike
  const SURE = 0.85; // from this score on it is the same error
  const MANY_LINES = 200; // of a longer text only lines count that may be of an error
  const MOST_LINES = 300;
  const LONGEST_LINE = 1000;
  const TELLING = /error|exception|warning|exit|cannot|can't|no module|has no|must be|unexpected|missing|not /i;

  function normalForm(text) {
    const plain = text.trim().replace(PREFIX, "").replace(PATH, "").replace(GUESS, "").trim()
      .replace(/[“”‘’'"`]/g, "").replace(FOLDERS, "").replace(/\b0x[0-9a-fA-F]+/g, "0");
    return plain.replace(/[0-9]+/g, "0").toLowerCase().split(/\s+/).filter(Boolean).join(" ");
  }

  const numbersOf = (text) => (text.replace(/\b0x[0-9a-fA-F]+/g, "").match(/[0-9]+/g) || []).join(" ");
  const words = (form) => new Set(form.match(/[\w.]{2,}/g) || []);

  // The message of an error, without the class of its exception; null if it is too short to be told apart.
  function withoutClass(form) {
    const message = form.replace(/^[\w.]*(?:error|exception|warning|exit): /, "");
    return message !== form && message.length >= LEAST && message.split(" ").length >= FEWEST_WORDS ? message : null;
  }

  function load() {
    return window.WATCHDOG_SEARCH.errors.map(([address, title, forms, packages, verdict, today, cures]) => {
      const ofTitle = new Set([normalForm(title), withoutClass(normalForm(title))]);
      const every = new Set([...ofTitle, ...forms, ...forms.map(withoutClass)]);
      every.delete(null);
      const own = [...every].map((form) => ({ form, words: words(form), isTitle: ofTitle.has(form) }));
      const names = [...title.matchAll(/'([^']+)'/g)].map((match) => match[1].toLowerCase());
      return { address, title, packages, verdict, cures, today: today === 1, forms: own, names, numbers: numbersOf(title) };
    });
  }

  let loaded = null;
  // The errors of search-data.js, made when they are first asked for.
  function known() {
    loaded = loaded || load();
    return loaded;
  }

  // The packages that a traceback goes through, by canonical name, the innermost first.
  function packagesOf(text) {
    const canonical = window.SearchFormats.canonical;
    const named = [...text.matchAll(/(?:site|dist)-packages[\\/]([\w.-]+?)(?:\.py)?(?=[\\/"',\s:]|$)/g)].map((match) => canonical(match[1]));
    return new Set(named.reverse());
  }

  // Whether a text stands in another one, not within a word.
  function standsIn(part, text) {
    const place = text.indexOf(part);
    if (place < 0) return false;
    const isWord = (letter) => /\w/.test(letter || " ");
    return !isWord(text[place - 1]) && !isWord(text[place + part.length]);
  }

  // How well one form fits the lines: 1 is the same text, 0 is nothing in common.
  function fit({ form, words: own }, lines) {
    let best = 0;
    const stem = form.endsWith("…") ? form.slice(0, -1).trim() : null;
    for (const { line, joined } of lines) {
      if (line === form) best = 1;
      else if (form.length >= LEAST && standsIn(form, line)) best = Math.max(best, 0.9 + 0.09 * (form.length / line.length));
      else if (stem && (line.startsWith(stem) || joined.startsWith(stem))) best = Math.max(best, 0.95);
      else if (joined.startsWith(form) || (line.length >= PART * form.length && standsIn(line, form))) best = Math.max(best, SURE);
    }
    if (best) return best;
    for (const { words: there } of lines) {
      const common = [...own].filter((word) => there.has(word)).length;
      const share = common / Math.max(1, Math.min(own.size + there.size - common, 60));
      if (common >= FEWEST_WORDS && share >= ALIKE) best = Math.max(best, 0.8 * share);
    }
    return best;
  }

  // The lines of a text as normal forms, each with the text that begins with it.
  function linesOf(text) {
    let raw = text.split(/\r\n|[\n\r]/).map((line) => line.trim().slice(0, LONGEST_LINE)).filter(Boolean);
    if (raw.length > MANY_LINES) raw = raw.filter((line) => TELLING.test(line)).slice(-MOST_LINES);
    const whole = raw.length > 1 && raw.length < 10 ? [raw.join(" ")] : [];
    return [...whole, ...raw].map((own, place) => {
      const line = normalForm(own);
      const start = place - whole.length;
      const joined = start < 0 ? line : normalForm(raw.slice(start, start + 10).join(" "));
      return { line, joined, words: words(line) };
    }).filter(({ line }) => line);
  }

  // Known errors in a text, the best first, each with `score`; of equal ones those whose packages the traceback names.
  // Only what is sure counts, if anything is.
  function search(text) {
    const errors = known();
    const lines = linesOf(text);
    const lower = text.toLowerCase();
    const numbers = numbersOf(text);
    const packages = packagesOf(text);
    const found = [];
    for (const error of errors) {
      // In a normal form all numbers are alike.
      const most = ({ isTitle }) => (isTitle && !numbers.includes(error.numbers) ? SURE - 0.01 : 1);
      let score = Math.max(...error.forms.map((form) => Math.min(fit(form, lines), most(form))));
      if (score < SURE && error.names.length && !lower.includes(error.names[0])) score = 0;
      const named = error.packages.filter((name) => packages.has(name)).length;
      if (score > 0) found.push({ error, score, named, rank: score + Math.min(named, 5) * 0.02 });
    }
    found.sort((a, b) => b.rank - a.rank || Number(b.error.today) - Number(a.error.today));
    const sure = found.filter(({ score }) => score >= SURE);
    return { found: sure.length ? sure : found, isExact: sure.length > 0, packages };
  }

  // Errors that have all words of a short question.
  function searchWords(text) {
    const errors = known();
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    return errors.filter(({ title, packages }) => {
      const there = `${title} ${packages.join(" ")}`.toLowerCase();
      return wanted.every((word) => there.includes(word));
    });
  }

  window.SearchErrors = { normalForm, search, searchWords, packagesOf };
})();
