// Reads versions, specifiers and environment markers as pip does (PEP 440, PEP 508).
"use strict";
(() => {
  // --- versions: PEP 440 -------------------------------------------------------------------------

  const VERSION = /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/i;
  const PHASES = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 };
  const number = (digits) => (digits || "0").replace(/^0+(?=\d)/, "");
  const parsed = new Map();

  // A version as a value; null where a text is none. Numbers stay texts: dates are long.
  function version(text) {
    if (!parsed.has(text)) parsed.set(text, parseVersion(text));
    return parsed.get(text);
  }

  function parseVersion(text) {
    const match = VERSION.exec(text.trim());
    if (!match) return null;
    const [, epoch, release, phase, pre, dashed, postWord, post, devWord, dev, local] = match;
    return {
      epoch: number(epoch),
      release: release.split(".").map(number),
      pre: phase === undefined ? null : [PHASES[phase.toLowerCase()], number(pre)],
      post: dashed !== undefined ? number(dashed) : postWord === undefined ? null : number(post),
      dev: devWord === undefined ? null : number(dev),
      local: local === undefined ? null : local.toLowerCase().split(/[-_.]/),
    };
  }

  const isPrerelease = (v) => v.pre !== null || v.dev !== null;
  const withoutLocal = (v) => ({ ...v, local: null });

  function compareNumbers(a, b) {
    if (a.length !== b.length) return a.length - b.length;
    return a < b ? -1 : a > b ? 1 : 0;
  }

  function compareReleases(a, b) {
    for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
      const order = compareNumbers(a[i] || "0", b[i] || "0");
      if (order) return order;
    }
    return 0;
  }

  // A development release without anything else comes before all prereleases, a final one after.
  function preKey(v) {
    if (v.pre !== null) return v.pre;
    return v.post === null && v.dev !== null ? [-1, "0"] : [3, "0"];
  }

  function compareLocals(a, b) {
    if (a === null || b === null) return (a !== null) - (b !== null);
    for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
      const [x, y] = [/^\d+$/.test(a[i]), /^\d+$/.test(b[i])];
      if (x !== y) return x ? 1 : -1;
      const order = x ? compareNumbers(number(a[i]), number(b[i])) : a[i] < b[i] ? -1 : a[i] > b[i] ? 1 : 0;
      if (order) return order;
    }
    return a.length - b.length;
  }

  function compareOptional(a, b, missing) {
    if (a === null || b === null) return a === b ? 0 : a === null ? missing : -missing;
    return compareNumbers(a, b);
  }

  function compareValues(a, b) {
    const [p, q] = [preKey(a), preKey(b)];
    return compareNumbers(a.epoch, b.epoch)
      || compareReleases(a.release, b.release)
      || p[0] - q[0] || compareNumbers(p[1], q[1])
      || compareOptional(a.post, b.post, -1)
      || compareOptional(a.dev, b.dev, 1)
      || compareLocals(a.local, b.local);
  }

  const compare = (one, other) => compareValues(version(one), version(other));
  const lower = (one, other) => (compare(other, one) < 0 ? other : one);

  // --- specifiers --------------------------------------------------------------------------------

  const CLAUSE = /^(===|==|~=|!=|<=|>=|<|>)\s*(\S+)$/;

  // [operator, version], or null where a text is no specifier.
  function parseClause(text) {
    const match = CLAUSE.exec(text.trim());
    if (!match) return null;
    const [, operator, wanted] = match;
    if (operator === "===") return /[;)]/.test(wanted) ? null : [operator, wanted];
    const isPrefix = wanted.endsWith(".*");
    const value = version(isPrefix ? wanted.slice(0, -2) : wanted);
    if (value === null) return null;
    const isExact = operator === "==" || operator === "!=";
    if (value.local !== null && (!isExact || isPrefix)) return null;
    if (isPrefix && (!isExact || value.pre !== null || value.post !== null || value.dev !== null)) return null;
    if (operator === "~=" && value.release.length < 2) return null;
    return [operator, wanted];
  }

  // A list of clauses; null where one of them is no specifier.
  function parseSpecifier(text) {
    const bare = text.trim().replace(/^\(\s*(.*?)\s*\)$/, "$1").replace(/,\s*$/, "");
    if (!bare) return [];
    const clauses = bare.split(",").map(parseClause);
    return clauses.includes(null) ? null : clauses;
  }

  function hasPrefix(v, prefix, length) {
    if (compareNumbers(v.epoch, prefix.epoch)) return false;
    for (let i = 0; i < length; i += 1) {
      if (compareNumbers(v.release[i] || "0", prefix.release[i] || "0")) return false;
    }
    return true;
  }

  function equals(v, wanted) {
    if (wanted.endsWith(".*")) {
      const prefix = version(wanted.slice(0, -2));
      return hasPrefix(v, prefix, prefix.release.length);
    }
    const value = version(wanted);
    return compareValues(value.local === null ? withoutLocal(v) : v, value) === 0;
  }

  function isAbove(v, bound) {
    if (compareValues(withoutLocal(v), bound) <= 0) return false;
    if (bound.post !== null || bound.dev !== null) return true;
    // The post-releases of a version are not above it.
    const isFamily = !compareNumbers(v.epoch, bound.epoch) && !compareReleases(v.release, bound.release)
      && String(v.pre) === String(bound.pre);
    return !isFamily;
  }

  function meets([operator, wanted], text) {
    if (operator === "===") return text.toLowerCase() === wanted.toLowerCase();
    const v = version(text);
    if (operator === "==") return equals(v, wanted);
    if (operator === "!=") return !equals(v, wanted);
    const bound = version(wanted);
    if (operator === "<=") return compareValues(withoutLocal(v), bound) <= 0;
    if (operator === ">=") return compareValues(withoutLocal(v), bound) >= 0;
    if (operator === ">") return isAbove(v, bound);
    // The prereleases of a version are not below it.
    if (operator === "<") return compareValues(v, isPrerelease(bound) ? bound : { ...bound, dev: "0" }) < 0;
    return compareValues(withoutLocal(v), bound) >= 0 && hasPrefix(v, bound, bound.release.length - 1);
  }

  const allows = (spec, text) => spec.every((clause) => meets(clause, text));
  const written = (spec) => spec.map(([operator, wanted]) => operator + wanted).sort();

  function exactPin(spec) {
    for (const clause of written(spec)) {
      const match = /^===?(?!=)(.*)$/.exec(clause);
      if (match && !match[1].endsWith(".*")) return match[1];
    }
    return null;
  }

  const namesPrerelease = (spec) => spec.some(([operator, wanted]) => operator !== "!=" && !wanted.endsWith(".*")
    && version(wanted) !== null && isPrerelease(version(wanted)));

  // --- environment markers: PEP 508 --------------------------------------------------------------

  const TOKEN = /\s*(?:('[^']*'|"[^"]*")|(===|==|~=|!=|<=|>=|<|>)|([()])|(not\s+in\b|in\b|and\b|or\b)|([a-z_.]+))/y;
  const OF_VERSIONS = ["python_version", "python_full_version", "implementation_version", "platform_release"];

  function environment(python) {
    return {
      python_version: python, python_full_version: `${python}.99`, implementation_version: `${python}.99`,
      implementation_name: "cpython", platform_python_implementation: "CPython", python_implementation: "CPython",
      "platform.python_implementation": "CPython", os_name: "posix", "os.name": "posix", sys_platform: "linux",
      "sys.platform": "linux", platform_system: "Linux", platform_machine: "x86_64", "platform.machine": "x86_64",
      platform_release: "", platform_version: "", "platform.version": "", extra: "",
    };
  }

  function tokens(text) {
    const list = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const match = TOKEN.exec(text);
      if (!match) return null;
      list.push(match);
    }
    return list;
  }

  // Whether a marker holds; null where that cannot be told.
  function holds(text, python) {
    const list = tokens(text);
    if (list === null) return null;
    const values = environment(python);
    let at = 0;
    let isKnown = true;
    const next = () => list[at] || [];
    function operand() {
      const [, quoted, , , , name] = next();
      at += 1;
      if (quoted !== undefined) return { value: quoted.slice(1, -1) };
      if (name === undefined || !(name in values)) isKnown = false;
      return { value: values[name] || "", name };
    }
    function comparison() {
      const left = operand();
      const [, , symbol, , word] = next();
      at += 1;
      const right = operand();
      const operator = symbol || (word || "").replace(/\s+/g, " ");
      if (left.name === undefined && right.name === undefined) isKnown = false;
      if (OF_VERSIONS.includes(left.name || right.name)) {
        const clause = parseClause(operator + right.value);
        if (clause && version(left.value)) return meets(clause, left.value);
      }
      if (operator === "in") return right.value.includes(left.value);
      if (operator === "not in") return !right.value.includes(left.value);
      if (operator === "!=") return left.value !== right.value;
      if (["==", "<=", ">="].includes(operator)) return left.value === right.value;
      if (!["<", ">"].includes(operator)) isKnown = false;
      return false;
    }
    function atom() {
      if (next()[3] !== "(") return comparison();
      at += 1;
      const value = either();
      if (next()[3] !== ")") isKnown = false;
      at += 1;
      return value;
    }
    function both() {
      let value = atom();
      while (next()[4] === "and") { at += 1; value = atom() && value; }
      return value;
    }
    function either() {
      let value = both();
      while (next()[4] === "or") { at += 1; value = both() || value; }
      return value;
    }
    const value = either();
    return isKnown && at === list.length ? value : null;
  }

  window.Requirements = {
    version, isPrerelease, compareReleases, compare, lower, parseSpecifier, allows, written, exactPin, namesPrerelease, holds,
  };
})();
