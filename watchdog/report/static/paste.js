// Answers for pasted requirements from published data alone: nothing is sent anywhere.
// The same as facts/pasted.py, facts/lookup.py and facts/advice.py; tests/browser compares them.
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

  // --- the text ----------------------------------------------------------------------------------

  const canonical = (name) => name.toLowerCase().replace(/[-_.]+/g, "-");
  const REQUIREMENT = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[\s*([A-Za-z0-9][A-Za-z0-9._-]*(?:\s*,\s*[A-Za-z0-9][A-Za-z0-9._-]*)*)?\s*\])?\s*([^;@]*)(?:;(.*))?$/;
  const SHOWN = 100;
  const LONGEST = 2000;

  // Lines, joined where a backslash continues them.
  function logicalLines(text) {
    const lines = [];
    let open = "";
    for (const raw of text.replace(/^\ufeff/, "").split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/)) {
      if (raw.endsWith("\\") && !/^\s*#/.test(raw)) { open += `${raw.slice(0, -1)} `; continue; }
      lines.push(open + raw);
      open = "";
    }
    return [...lines, open];
  }

  // Name, specifier and marker of a line; null where it is no requirement of a release.
  function parseLine(line) {
    if (line.startsWith("-") || line.length > LONGEST) return null;
    const match = REQUIREMENT.exec(line.replace(/\s+-.*$/, ""));
    if (!match) return null;
    const spec = parseSpecifier(match[3]);
    return spec === null ? null : { name: match[1], spec, marker: match[4] };
  }

  function read(text, python) {
    const asked = { requests: new Map(), names: new Map(), unread: [], leftOut: [], byPython: [] };
    for (const raw of logicalLines(text)) {
      const line = raw.replace(/(^|\s)#.*$/, "").trim();
      if (!line) continue;
      const requirement = parseLine(line);
      const marker = requirement && requirement.marker;
      const each = requirement && data.pythons.map((p) => (marker === undefined ? true : holds(marker, p)));
      if (requirement === null || each.includes(null)) { asked.unread.push(line.replace(/:\/\/[^/@\s]+@/g, "://…@").slice(0, SHOWN)); continue; }
      const isRead = each[python === null ? each.length - 1 : data.pythons.indexOf(python)];
      if (python === null && new Set(each).size > 1) asked.byPython.push(line.slice(0, SHOWN));
      else if (!isRead) asked.leftOut.push(line.slice(0, SHOWN));
      if (!isRead) continue;
      const name = canonical(requirement.name);
      asked.requests.set(name, [...(asked.requests.get(name) || []), ...requirement.spec]);
      if (!asked.names.has(name)) asked.names.set(name, requirement.name);
    }
    return asked;
  }

  // --- the rule book -----------------------------------------------------------------------------

  const data = window.WATCHDOG;
  const locks = data.locks.map((pins) => new Map(pins.map((pin) => data.pins[pin].split("=="))));
  const results = data.results.map(([works, words, symptom]) => ({ works: works === 1, words, symptom }));
  const advice = data.advice.map(([typed, python, lock, checked]) => ({ typed, python, lock: locks[lock] || null, checked }));
  const known = new Map(Object.entries(data.versions).map(([name, texts]) => [name, texts.split(" ").filter(Boolean)]));
  const sets = data.sets.map(([subject, lock, places, byPython]) => ({
    subject,
    lock: locks[lock],
    pins: new Set(places.map((place) => [...locks[lock].keys()][place])),
    results: new Map(Object.entries(byPython).map(([python, result]) => [python, results[result]])),
  }));
  const rules = data.rules.map((rule) => ({ absent: [], advice: [], python: null, page: null, again: null, fixed: null, symptom: "", ...rule }));
  const subjects = new Set([...sets, ...rules].map((row) => row.subject));
  const group = (rows) => {
    const groups = new Map();
    for (const row of rows) groups.set(row.subject, [...(groups.get(row.subject) || []), row]);
    return (subject) => groups.get(subject) || [];
  };
  const setsOf = group(sets);
  const rulesOf = group(rules);
  const namesOf = new Map([...subjects].map((subject) => [subject, new Set([
    ...setsOf(subject).flatMap((set) => [...set.lock.keys()]),
    ...rulesOf(subject).flatMap((rule) => rule.conditions.map(([name]) => name)),
  ])]));
  const newestPython = data.pythons[data.pythons.length - 1];
  const byVersion = (one, other) => compareReleases(one.split("."), other.split("."));

  function isIn([, low, below, through], text) {
    return !((low && compare(text, low) < 0) || (below && compare(text, below) >= 0) || (through && compare(text, through) > 0));
  }

  function matches(rule, versions, python, requests) {
    if (rule.python !== null && (python === null || byVersion(python, rule.python) < 0)) return false;
    if (rule.absent.some((name) => requests.has(name))) return false;
    return rule.conditions.every((condition) => versions.has(condition[0]) && isIn(condition, versions.get(condition[0])));
  }

  // The version that an installer takes today; null where nothing that is known is allowed.
  function choose(name, spec) {
    const pinned = exactPin(spec);
    if (pinned !== null) return version(pinned) !== null && allows(spec, pinned) ? pinned : null;
    let allowed = (known.get(name) || []).filter((v) => allows(spec, v));
    if (!namesPrerelease(spec)) {
      const finals = allowed.filter((v) => !isPrerelease(version(v)));
      if (finals.length) allowed = finals;
    }
    return allowed.length ? allowed[allowed.length - 1] : null;
  }

  // Whether an install gives a set that was run, as far as the set goes.
  function isSame(set, requests, chosen) {
    for (const [name, has] of set.lock) {
      const spec = requests.get(name);
      if (spec === undefined) {
        if (set.pins.has(name)) return false;
      } else if (exactPin(spec) === null && !set.pins.has(name)) {
        if (!allows(spec, has)) return false;
      } else if (!chosen.has(name) || compare(chosen.get(name), has) !== 0) return false;
    }
    return true;
  }

  function expectedVersions(subject, requests, chosen, fresh) {
    const versions = new Map();
    const own = namesOf.get(subject);
    for (const name of own) {
      const all = known.get(name);
      if (all && all.length) versions.set(name, all[all.length - 1]);
    }
    const lowest = new Map();
    for (const lock of fresh) {
      for (const [name, has] of lock) {
        if (requests.has(name) && !allows(requests.get(name), has)) continue;
        lowest.set(name, lowest.has(name) ? lower(lowest.get(name), has) : has);
      }
    }
    for (const [name, has] of lowest) if (own.has(name)) versions.set(name, has);
    for (const [name, spec] of requests) {
      if (!chosen.has(name)) versions.delete(name);
      else if (exactPin(spec) === null && lowest.has(name)) versions.set(name, lower(lowest.get(name), chosen.get(name)));
      else versions.set(name, chosen.get(name));
    }
    return versions;
  }

  function lookUp(requests, python) {
    const chosen = new Map();
    for (const [name, spec] of requests) {
      const taken = choose(name, spec);
      if (taken !== null) chosen.set(name, taken);
    }
    const fresh = sets.filter((set) => !set.pins.size && chosen.has(set.subject) && (python === null || set.results.has(python)))
      .map((set) => set.lock);
    const answers = [];
    for (const subject of [...chosen.keys()].filter((name) => subjects.has(name)).sort()) {
      const shown = new Map();
      for (const set of setsOf(subject)) {
        if (!isSame(set, requests, chosen)) continue;
        for (const [p, result] of set.results) if (python === null || p === python) shown.set(p, result);
      }
      const versions = expectedVersions(subject, requests, chosen, fresh);
      const own = rulesOf(subject).filter((rule) => matches(rule, versions, python, requests));
      const newer = rulesOf(subject).filter((rule) => !own.includes(rule)
        && matches(rule, versions, python === null ? newestPython : python, requests));
      const pythons = (works) => [...shown].filter(([, r]) => r.works === works).map(([p]) => p).sort(byVersion);
      const [worksOn, failsOn] = [pythons(true), pythons(false)];
      answers.push({
        subject,
        version: python === null ? chosen.get(subject) : versions.get(subject),
        results: shown,
        rules: own,
        newerRules: newer,
        worksOn,
        failsOn,
        alarm: shown.size ? !worksOn.length : own.length > 0,
        depends: shown.size ? worksOn.length > 0 && failsOn.length > 0 : newer.length > 0 && !own.length,
      });
    }
    return answers;
  }

  // --- what to type instead ----------------------------------------------------------------------

  const [FRESH, CURE, SET] = [0, 1, 2];

  // What to type after `pip install` to get a set that was run.
  function typedFor(set) {
    const pinned = new Set([set.subject, ...set.pins]);
    const typed = [];
    for (const text of data.requires[set.subject] || [set.subject]) {
      const { name, spec } = parseLine(text);
      const own = canonical(name);
      const extras = /\[[^\]]*\]/.exec(text);
      const versions = pinned.has(own) && set.lock.has(own) ? `==${set.lock.get(own)}` : written(spec).join(",");
      typed.push(`${name}${extras ? extras[0].replace(/\s/g, "") : ""}${versions}`);
      pinned.delete(own);
    }
    for (const name of [...pinned].sort()) if (set.lock.has(name)) typed.push(`${name}==${set.lock.get(name)}`);
    return typed;
  }

  function candidatesFor(answer) {
    const found = new Map();
    const get = (kind, typed, checked) => {
      const key = JSON.stringify([kind, typed]);
      if (!found.has(key)) found.set(key, { kind, subject: answer.subject, typed, checked, locks: new Map(), failsOn: new Set() });
      return found.get(key);
    };
    const cures = [...(data.cures[answer.subject] || [])];
    for (const rule of rulesOf(answer.subject)) if (isIn(rule.conditions[0], answer.version)) cures.push(...rule.advice);
    for (const { typed, python, lock, checked } of cures.map((index) => advice[index])) {
      const candidate = get(CURE, typed, checked);
      if (checked < candidate.checked) candidate.checked = checked;
      candidate.locks.set(python, lock);
    }
    for (const set of setsOf(answer.subject)) {
      const candidate = get(set.pins.size ? SET : FRESH, typedFor(set), data.as_of);
      for (const [python, result] of set.results) {
        if (result.works) candidate.locks.set(python, set.lock);
        else candidate.failsOn.add(python);
      }
    }
    return [...found.values()].filter((candidate) => candidate.locks.size);
  }

  function lockOf(candidate, python) {
    return candidate.locks.get(candidate.locks.has(python) ? python : [...candidate.locks.keys()].sort(byVersion).pop());
  }

  const specsOf = (candidate) => new Map(candidate.typed.map(parseLine).map(({ name, spec }) => [canonical(name), spec]));

  // The requirements that a candidate contradicts, and what it has instead.
  function replacesOf(candidate, requests, python) {
    const lock = lockOf(candidate, python);
    const specs = specsOf(candidate);
    const replaced = [];
    for (const [name, spec] of requests) {
      if (lock === null) {
        const wanted = specs.get(name);
        if (wanted && choose(name, [...spec, ...wanted]) === null) replaced.push({ name, asked: written(spec).join(","), has: written(wanted).join(",") });
      } else if (lock.has(name) && !allows(spec, lock.get(name))) {
        replaced.push({ name, asked: written(spec).join(","), has: lock.get(name) });
      }
    }
    return replaced;
  }

  function isFar({ name, has }, requests) {
    const before = choose(name, requests.get(name));
    if (before === null || !/^\d/.test(has)) return true;
    const series = (text) => version(text).release.slice(0, 2).join(".");
    return series(before) !== series(has);
  }

  function ranked(answer, requests, python) {
    const isMended = answer.rules.some((rule) => rule.fixed && rule.fixed[0] === answer.subject);
    const order = isMended ? [FRESH, CURE, SET] : [CURE, FRESH, SET];
    const rows = candidatesFor(answer).map((candidate) => {
      const [others, own] = [[0, 0], [0, 0]];
      for (const replacement of replacesOf(candidate, requests, python)) {
        (replacement.name === answer.subject ? own : others)[isFar(replacement, requests) ? 0 : 1] += 1;
      }
      const isElsewhere = python !== null && !candidate.locks.has(python);
      const lock = lockOf(candidate, python);
      const has = (lock && lock.get(answer.subject)) || "0";
      return { candidate, has, cost: [Number(isElsewhere), ...others, order.indexOf(candidate.kind), ...own, candidate.typed.length] };
    });
    rows.sort((a, b) => compare(b.has, a.has));
    const difference = (a, b) => a.cost.map((value, i) => value - b.cost[i]).find(Boolean) || 0;
    return rows.sort(difference).map((row) => row.candidate);
  }

  // Whether with a candidate no requested package fails but those in `already`.
  function isClear(candidate, requests, python, already) {
    const lock = lockOf(candidate, python);
    const merged = new Map(requests);
    if (lock === null) {
      const replaced = new Set(replacesOf(candidate, requests, python).map(({ name }) => name));
      for (const [name, spec] of specsOf(candidate)) {
        merged.set(name, merged.has(name) && !replaced.has(name) ? [...merged.get(name), ...spec] : spec);
      }
    } else {
      for (const [name, has] of lock) merged.set(name, [["==", has]]);
    }
    return lookUp(merged, python).every((a) => !a.alarm || !requests.has(a.subject) || already.has(a.subject));
  }

  function offerOf(candidate, requests, python) {
    const lock = lockOf(candidate, python);
    const has = lock || specsOf(candidate);
    return {
      typed: candidate.typed,
      version: (lock && lock.get(candidate.subject)) || null,
      worksOn: [...candidate.locks.keys()].sort(byVersion),
      failsOn: [...candidate.failsOn].sort(byVersion),
      checked: candidate.checked,
      replaces: replacesOf(candidate, requests, python),
      beside: [...requests.keys()].filter((name) => !has.has(name)),
    };
  }

  function reasonsOf(answer) {
    const shown = new Map();
    for (const python of answer.failsOn) {
      const { words, symptom } = answer.results.get(python);
      const key = JSON.stringify([words, symptom]);
      if (!shown.has(key)) shown.set(key, { words, symptom, pythons: [] });
      shown.get(key).pythons.push(python);
    }
    const all = [...shown.values()];
    const own = answer.worksOn.length ? [] : answer.rules.length ? answer.rules : answer.newerRules;
    const reasons = own.map((rule) => {
      const same = all.filter(({ symptom }) => symptom === rule.symptom);
      const pythons = same.flatMap((row) => row.pythons).sort(byVersion);
      return { ...rule, words: same.length ? same[0].words : rule.words, pythons, again: pythons.length ? data.as_of : rule.again };
    });
    const told = new Set(own.map((rule) => rule.symptom));
    for (const row of all) if (!told.has(row.symptom)) reasons.push({ ...row, page: null, seen: null, again: data.as_of, fixed: null, python: null });
    return reasons;
  }

  function advise(requests, python) {
    const answers = lookUp(requests, python);
    const alarms = answers.filter((answer) => answer.alarm);
    const failing = alarms.map((answer) => answer.subject);
    const reports = answers.map((answer) => {
      if (!answer.alarm) {
        const finding = answer.depends ? "depends on the Python" : answer.worksOn.length ? "works" : "unknown";
        return { answer, finding, reasons: answer.depends ? reasonsOf(answer) : [], offer: null, refused: 0 };
      }
      const list = ranked(answer, requests, python);
      const already = new Set(failing.filter((name) => name !== answer.subject));
      const place = list.findIndex((candidate) => isClear(candidate, requests, python, already));
      const offer = place < 0 ? null : offerOf(list[place], requests, python);
      return { answer, finding: "fails", reasons: reasonsOf(answer), offer, refused: place < 0 ? list.length : place };
    });
    const tested = [...requests.keys()].filter((name) => subjects.has(name));
    return {
      subjects: reports,
      asked: requests.size,
      tested: tested.length,
      unavailable: tested.filter((name) => !answers.some((answer) => answer.subject === name)).sort(),
      breakages: rules.length,
      together: alarms.length > 1 ? togetherFor(alarms, failing, requests, python) : null,
    };
  }

  // A set that was run, holds all packages that fail, and mends them all.
  function togetherFor(alarms, failing, requests, python) {
    for (const answer of alarms) {
      for (const candidate of ranked(answer, requests, python)) {
        const lock = lockOf(candidate, python);
        if (lock === null || !failing.every((name) => lock.has(name))) continue;
        if (isClear(candidate, requests, python, new Set())) return offerOf(candidate, requests, python);
      }
    }
    return null;
  }

  // --- words -------------------------------------------------------------------------------------

  const CHECK = "flask-watchdog check -r requirements.txt";
  const LISTED = 30;
  const title = (name) => data.titles[name] || name;
  const list = (items) => (items.length > LISTED ? `${items.slice(0, LISTED).join(", ")} and ${items.length - LISTED} more` : items.join(", "));
  const onPythons = (pythons) => `Python ${pythons.join(", ")}`;
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`);
  const command = (typed) => `pip install ${typed.map(quoted).join(" ")}`;
  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  function add(parent, tag, text = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  // When a failure was seen, and what ended it.
  function evidence({ seen, again, pythons, fixed, python }) {
    const parts = [];
    if (python) parts.push(`on Python ${python} and later`);
    if (seen) parts.push(seen[0] === seen[1] ? `seen on ${seen[0]}` : `seen from ${seen[0]} to ${seen[1]}`);
    if (again) parts.push(`${seen ? "run again" : "run"} on ${again}${pythons.length ? ` on ${onPythons(pythons)}` : ""}`);
    if (fixed) parts.push(`mended by ${title(fixed[0])} ${fixed[1]}`);
    return ` (${parts.join("; ")})`;
  }

  function showReasons(parent, { answer, reasons }) {
    for (const reason of reasons) {
      const line = add(parent, "p");
      const link = add(line, "a", `${title(answer.subject)} ${answer.version}`);
      link.href = reason.page ? `breakages/${reason.page}.html` : reason.seen ? "pins.html" : `subjects/${answer.subject}.html`;
      line.append(` ${reason.words}: `);
      add(line, "code", reason.symptom);
      line.append(evidence(reason));
    }
  }

  function showOffer(parent, offer, names) {
    const fails = offer.failsOn.length ? `, fails on ${onPythons(offer.failsOn)}` : "";
    add(parent, "p", `Instead: run on ${offer.checked}, works on ${onPythons(offer.worksOn)}${fails}.`);
    add(parent, "pre", command(offer.typed)).className = "typed";
    if (offer.replaces.length) {
      const notes = add(parent, "ul");
      for (const { name, asked, has } of offer.replaces) {
        const instead = /^\d/.test(has) ? `the set that was run has ${title(name)} ${has}` : `the line asks for ${name}${has}`;
        add(notes, "li", `replaces your ${names.get(name)}${asked}: ${instead}`);
      }
    }
    if (offer.beside.length) {
      add(parent, "p", `Not in the set that was run: ${list(offer.beside)}.`).className = "quiet";
    }
  }

  function showFailing(parent, report, names) {
    const failing = report.subjects.filter(({ finding }) => finding === "fails");
    if (!failing.length) return;
    add(parent, "h2", "Known to fail");
    const items = add(parent, "ul");
    items.className = "past";
    for (const subject of failing) {
      const item = add(items, "li");
      showReasons(item, subject);
      if (report.together) continue;
      if (subject.offer) showOffer(item, subject.offer, names);
      else if (subject.refused) add(item, "p", "Every set that was run and in which it works breaks another of your packages.");
      else add(item, "p", "No set in which it works is known here.");
    }
    if (report.together) {
      add(parent, "h2", "One set mends them");
      showOffer(parent, report.together, names);
    } else if (failing.length > 1) {
      add(parent, "p", `These lines were run one by one; their combination was not run. To run it: ${CHECK}`);
    }
  }

  function showDepending(parent, report) {
    const depending = report.subjects.filter(({ finding }) => finding === "depends on the Python");
    if (!depending.length) return;
    add(parent, "h2", "Depends on the Python");
    const items = add(parent, "ul");
    items.className = "past";
    for (const subject of depending) {
      const { answer } = subject;
      const item = add(items, "li");
      if (answer.results.size) {
        add(item, "p", `${title(answer.subject)} ${answer.version} works on ${onPythons(answer.worksOn)}, fails on ${onPythons(answer.failsOn)}.`);
      }
      showReasons(item, subject);
    }
  }

  function showRest(parent, report) {
    const named = (wanted) => report.subjects.filter(({ finding }) => finding === wanted);
    const versions = (rows) => list(rows.map(({ answer }) => `${title(answer.subject)} ${answer.version}`));
    if (named("works").length) {
      add(parent, "h2", "Works");
      const items = add(parent, "ul");
      for (const { answer } of named("works")) {
        add(items, "li", `${title(answer.subject)} ${answer.version} on ${onPythons(answer.worksOn)} (run on ${data.as_of})`);
      }
    }
    if (named("unknown").length) {
      add(parent, "p", `Tested here, but not with these versions, and no known breakage matches: ${versions(named("unknown"))}.`);
    }
    if (report.unavailable.length) {
      add(parent, "p", `No version that is known here fits: ${list(report.unavailable)}.`);
    }
  }

  function showReading(parent, asked, python) {
    if (asked.byPython.length) {
      add(parent, "p", `Needed on some Pythons only, and read as for Python ${newestPython}: ${list(asked.byPython)}`).className = "quiet";
    }
    if (asked.leftOut.length) {
      const where = python === null ? "" : ` on Python ${python}`;
      add(parent, "p", `Not needed${where}, as their markers say: ${list(asked.leftOut)}`).className = "quiet";
    }
    if (!asked.unread.length) return;
    add(parent, "h2", "Not read");
    add(parent, "p", `Nothing is said about ${asked.unread.length === 1 ? "this line" : "these lines"}:`);
    add(parent, "pre", asked.unread.join("\n"));
  }

  function show() {
    const python = select.value || null;
    const asked = read(box.value, python);
    answer.replaceChildren();
    if (!box.value.trim()) return;
    if (!asked.requests.size) {
      add(answer, "p", "No requirement was found in this text.");
      showReading(answer, asked, python);
      return;
    }
    const report = advise(asked.requests, python);
    showFailing(answer, report, asked.names);
    showDepending(answer, report);
    if (report.subjects.every(({ finding }) => finding === "works" || finding === "unknown")) {
      add(answer, "h2", `None of ${report.breakages} known breakages matches`);
    }
    const tested = report.tested === 1 ? "1 is" : `${report.tested} are`;
    add(answer, "p", `Of your ${counted(report.asked, "package")} ${tested} tested here; data of ${data.as_of}.`);
    showRest(answer, report);
    const others = [...asked.requests.keys()].filter((name) => !subjects.has(name));
    if (others.length) add(answer, "p", `Not tested here: ${list(others)}.`).className = "quiet";
    showReading(answer, asked, python);
    add(answer, "p", `Only published results are known here. To run your set itself: ${CHECK}`).className = "quiet";
  }

  const box = document.getElementById("requirements");
  const select = document.getElementById("python");
  const answer = document.getElementById("answer");
  window.PasteBox = { read, lookUp, advise, choose, allows, compare, parseSpecifier, rules };
  box.addEventListener("input", show);
  select.addEventListener("change", show);
  show();
})();
