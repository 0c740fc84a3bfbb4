// Looks pasted requirements up in published data alone: nothing is sent anywhere.
// The same as facts/pasted.py, facts/lookup.py and facts/advice.py; tests/browser compares them.
"use strict";
(() => {
  const {
    version, isPrerelease, compareReleases, compare, lower, parseSpecifier, allows, written, exactPin, namesPrerelease, holds,
  } = window.Requirements;

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

  // --- another series of the framework -----------------------------------------------------------

  const seriesOf = (text) => version(text).release.slice(0, 2).join(".");

  // The series of the framework that were run, the newest first.
  const frameworks = [...new Set(setsOf(data.framework).map((set) => seriesOf(set.lock.get(data.framework))))]
    .sort((a, b) => byVersion(b, a));

  // The requirements with the framework of another series, and what was run with that in place of what differs; null if
  // that series does not work alone. It is what was run on the Python that is chosen, or else on the newest one.
  function goTo(requests, series, python) {
    const worksOn = ({ results: all }) => [...all].filter(([, result]) => result.works).map(([p]) => p).sort(byVersion);
    const own = setsOf(data.framework)
      .filter((set) => seriesOf(set.lock.get(data.framework)) === series && worksOn(set).length)
      .map((set) => ({ lock: set.lock, pythons: worksOn(set), isPinned: set.pins.size > 0 }));
    if (!own.length) return null;
    const isElsewhere = ({ pythons }) => Number(python !== null && !pythons.includes(python));
    own.sort((a, b) => isElsewhere(a) - isElsewhere(b)
      || compare(b.lock.get(data.framework), a.lock.get(data.framework))
      || Number(a.isPinned) - Number(b.isPinned)
      || byVersion(b.pythons[b.pythons.length - 1], a.pythons[a.pythons.length - 1]));
    const [{ lock, pythons }] = own;
    const moved = new Map(requests);
    const replaced = [];
    for (const [name, has] of lock) {
      const spec = requests.get(name);
      if (spec !== undefined && !allows(spec, has)) {
        moved.set(name, [["==", has]]);
        replaced.push({ name, asked: written(spec).join(","), has });
      }
    }
    moved.set(data.framework, [["==", lock.get(data.framework)]]);
    return {
      version: lock.get(data.framework),
      python: python !== null && pythons.includes(python) ? python : pythons[pythons.length - 1],
      requests: moved,
      replaced: replaced.filter(({ name }) => name !== data.framework),
    };
  }

  window.PasteBox = {
    read, lookUp, advise, goTo, frameworks, choose, allows, compare, parseSpecifier, rules, subjects, namesOf, newestPython,
  };
})();
