// Recognises what was pasted: an error, the name of a package, or dependencies in any of the formats in which people have
// them. The same as the readers of watchdog/project; tests/browser compares them.
"use strict";
(() => {
  const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
  const canonical = (name) => name.toLowerCase().replace(/[-_.]+/g, "-");
  const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  // --- poetry's ranges -----------------------------------------------------------------------------

  // The first version that `^1.2` or `~1.2` excludes.
  function upperBound(operator, text) {
    const parts = text.split(".").map((part) => parseInt(part, 10) || 0);
    let place = operator === "~" ? Math.min(1, parts.length - 1) : parts.findIndex((part) => part !== 0);
    if (place < 0) place = parts.length - 1;
    return [...parts.slice(0, place), parts[place] + 1].join(".");
  }

  // A range of Poetry or of a Pipfile as a specifier; null if it cannot be one.
  function specifierOf(range) {
    const parts = range.trim().split(/\s*,\s*|(?<=[\w*])\s+(?=[\^~=!<>])/);
    const written = [];
    for (const part of parts) {
      const match = /^(\^|~=|~|={1,3}|!=|<=?|>=?|)\s*([^\s=<>!~^,|]+)$/.exec(part);
      if (!match) return null;
      const [, operator, version] = match;
      if (version === "*") continue;
      if (operator === "^" || operator === "~") written.push(`>=${version}`, `<${upperBound(operator, version)}`);
      else written.push(`${operator || "=="}${version}`);
    }
    return written.join(",");
  }

  // Lines for a table of names and ranges, as Poetry and Pipenv have it; `unread` gets what cannot be used.
  function linesOfTable(table, unread) {
    const lines = [];
    for (const [name, value] of Object.entries(table || {})) {
      if (name.toLowerCase() === "python") continue;
      const entry = typeof value === "string" ? { version: value } : value;
      if (!isTable(entry) || typeof (entry.version || "") !== "string" || entry.git || entry.path || entry.url || entry.file) { unread.push(name); continue; }
      if (entry.optional) continue;
      const spec = specifierOf(entry.version || "*");
      if (spec === null) { unread.push(`${name} ${entry.version}`); continue; }
      const extras = Array.isArray(entry.extras) && entry.extras.length ? `[${entry.extras.join(",")}]` : "";
      const marker = entry.markers ? `; ${entry.markers}` : "";
      lines.push(`${name}${extras}${spec}${marker}`);
    }
    return lines;
  }

  // --- the formats ---------------------------------------------------------------------------------

  // Pins of the packages of a lock; of several versions of one package the last.
  function linesOfPackages(packages, isOwn, unread) {
    const pins = new Map();
    for (const entry of packages || []) {
      if (!isTable(entry) || typeof entry.name !== "string" || isOwn(entry)) continue;
      if (typeof entry.version === "string") pins.set(canonical(entry.name), `${entry.name}==${entry.version}`);
      else unread.push(entry.name);
    }
    return [...pins.values()];
  }

  function pyproject(data, unread) {
    const project = data.project || {};
    const groups = [project["optional-dependencies"], data["dependency-groups"], ((data.tool || {}).poetry || {}).group].map((table) => Object.keys(table || {}));
    unread.push(...groups.flat().map((name) => `extra or group ${name}`));
    if (Array.isArray(project.dependencies)) return project.dependencies.filter((line) => typeof line === "string");
    return linesOfTable(((data.tool || {}).poetry || {}).dependencies, unread);
  }

  const isLocal = ({ source }) => isTable(source) && ["editable", "virtual", "directory"].some((key) => key in source);

  function fromToml(text) {
    const data = window.Toml.parse(text);
    const unread = [];
    const has = (pattern) => pattern.test(text);
    if (Array.isArray(data.packages)) return ["pylock.toml", linesOfPackages(data.packages, (entry) => "directory" in entry, unread), unread];
    if (Array.isArray(data.package) && isTable(data.metadata)) return ["poetry.lock", linesOfPackages(data.package, () => false, unread), unread];
    if (Array.isArray(data.package)) return ["uv.lock", linesOfPackages(data.package, isLocal, unread), unread];
    if (has(/^\[(dev-)?packages\]/m)) return ["Pipfile", linesOfTable(data.packages, unread), unread];
    return ["pyproject.toml", pyproject(data, unread), unread];
  }

  function fromJson(text) {
    const data = JSON.parse(text);
    if (Array.isArray(data)) return ["pip list", linesOfPackages(data, () => false, []), []];
    const unread = [];
    return ["Pipfile.lock", linesOfTable(data.default, unread), unread];
  }

  // The table that `pip list` prints.
  function fromPipList(lines) {
    const start = lines.findIndex((line) => /^-{3,}\s+-{3,}/.test(line));
    if (start < 0) return null;
    const rows = [];
    for (const line of lines.slice(start + 1)) {
      const row = /^([A-Za-z0-9][\w.-]*)\s+([0-9]\S*)/.exec(line);
      if (!row) break;
      rows.push(row);
    }
    return ["pip list", rows.map(([, name, version]) => `${name}==${version}`), []];
  }

  const INSTALL = /(?:^|[$>#%&;]\s*|\bsudo\s+|^RUN\s+|\b-m\s+)(?:(?:python[\d.]*|py)\s+-m\s+)?(?:uv\s+)?(?:pip[\d.]*\s+install|uv\s+add|poetry\s+add|pipenv\s+install|pdm\s+add)\s+(.*)$/;
  const VALUED = new Set(["-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url", "-t", "--target", "-f", "--find-links", "--python", "-p", "--upgrade-strategy"]);

  // What `pip install …` lines ask for; null where there is none.
  function fromCommands(lines) {
    const commands = lines.map((line) => INSTALL.exec(line)).filter(Boolean);
    if (!commands.length) return null;
    const [asked, unread] = [[], []];
    for (const [, text] of commands) {
      const words = (text.split(/\s(?:&&|\|\||[;|])/)[0].match(/"[^"]*"|'[^']*'|\S+/g) || []).map((word) => word.replace(/["']/g, ""));
      for (let place = 0; place < words.length; place += 1) {
        if (VALUED.has(words[place])) { unread.push(`${words[place]} ${words[place + 1] || ""}`.trim()); place += 1; }
        else if (!words[place].startsWith("-")) asked.push(words[place].replace(/^([\w.-]+)@([\d.]+)$/, "$1==$2"));
      }
    }
    return ["pip install", asked, unread];
  }

  // --- recognition ---------------------------------------------------------------------------------

  const EXCEPTION = /(?:^|[\s:])(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Conflict|NotFound)(?::|$|\s)/m;
  const TRACEBACK = /Traceback \(most recent call last\)|^\s*File ".*", line \d+/m;
  const REQUIREMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*(?:\(?\s*(?:[=<>!~]=?=?)[^;#]*)(?:;.*)?(?:#.*)?$/;

  function isToml(text) {
    return /^\s*\[\[?[\w."'-]+\]?\]\s*(?:#.*)?$/m.test(text) && /^\s*["'\w.-]+\s*=/m.test(text);
  }

  function tryRead(reader, text) {
    try { return reader(text); } catch { return null; }
  }

  // What a text is: `error`, `name`, `requirements`, or `nothing`. Of requirements: the format, their lines as in
  // requirements.txt, and what in the text cannot be used.
  function recognise(raw) {
    const text = raw.replace(/^\ufeff/, "");
    const trimmed = text.trim();
    const lines = trimmed.split(/\r\n|[\n\r]/).map((line) => line.trim());
    if (!trimmed) return { kind: "nothing" };
    const found = (result) => ({ kind: "requirements", format: result[0], text: result[1].join("\n"), unread: result[2] });
    if (/^[[{]/.test(trimmed) && !isToml(text)) {
      const result = tryRead(fromJson, trimmed);
      if (result) return found(result);
    }
    if (isToml(text)) {
      if (!window.Toml) return { kind: "requirements", format: "toml", needs: "toml.js" };
      const result = tryRead(fromToml, text);
      if (result) return found(result);
    }
    if (TRACEBACK.test(text)) return { kind: "error" };
    const table = fromPipList(lines);
    if (table) return found(table);
    const commands = fromCommands(lines);
    if (commands) return found(commands);
    if (lines.length === 1 && NAME.test(trimmed)) return { kind: "name" };
    const own = lines.filter((line) => line && !line.startsWith("#"));
    const looking = own.filter((line) => REQUIREMENT.test(line) || NAME.test(line) || /^-{1,2}[a-z]/.test(line) || /\\$/.test(line));
    if (own.length && looking.length * 2 > own.length && !(own.length === 1 && EXCEPTION.test(text))) {
      return { kind: "requirements", format: "requirements.txt", text, unread: [] };
    }
    return { kind: "error" };
  }

  // What people write with blanks: `some package` is a name, `Package 3.1` and `some package 0.6.2` are requirements. Null if none
  // of the names, a set of normalised ones, is meant.
  function spoken(text, names) {
    if (text.length > 200) return null;
    const match = /^([a-z][\w.-]*(?:[ \t]+[a-z][\w.-]*)*?)(?:[ \t]+v?(\d+(?:\.\d+)*))?$/i.exec(text.trim());
    const name = match && canonical(match[1].replace(/\s+/g, "-"));
    if (!match || !names.has(name)) return null;
    if (!match[2]) return { kind: "name", text: name };
    const version = match[2].split(".").length > 2 ? match[2] : `${match[2]}.*`;
    return { kind: "requirements", format: "a name and a version", text: `${name}==${version}`, unread: [] };
  }

  window.SearchFormats = { recognise, spoken, canonical, specifierOf };
})();
