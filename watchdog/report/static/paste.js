// Shows what is known about pasted requirements, in words.
"use strict";
(() => {
  const data = window.WATCHDOG;
  const { read, advise, goTo, subjects, newestPython } = window.PasteBox;
  const CHECK = "flask-watchdog check -r requirements.txt";
  const LISTED = 30;
  const { root } = document.getElementById("search").dataset;
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
    if (fixed) parts.push(`fixed by ${title(fixed[0])} ${fixed[1]}`);
    return ` (${parts.join("; ")})`;
  }

  function showReasons(parent, { answer, reasons }) {
    for (const reason of reasons) {
      const line = add(parent, "p");
      const link = add(line, "a", `${title(answer.subject)} ${answer.version}`);
      link.href = root + (reason.page ? `breakages/${reason.page}.html` : reason.seen ? "pins.html" : `subjects/${answer.subject}.html`);
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
      add(parent, "h2", "One set in which all of them work");
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

  // What a change to another series of the framework replaces in the file.
  function showChange(parent, { version, replaced }, failing, count) {
    const breaks = failing === 0 ? "none of your packages is known to break" : `${failing} of your ${counted(count, "package")} ${failing === 1 ? "breaks" : "break"}`;
    add(parent, "h2", `If you go to ${title(data.framework)} ${version}: ${breaks}`);
    if (!replaced.length) return;
    add(parent, "p", `That ${title(data.framework)} was run with other versions than your file names, which are read instead:`);
    const notes = add(parent, "ul");
    for (const { name, asked, has } of replaced) add(notes, "li", `${title(name)} ${has} instead of your ${asked}`);
  }

  // Shows the answer for the text of a requirements file; `series` is that of the framework to go to, or null.
  function show(parent, text, python, series) {
    const asked = read(text, python);
    if (!asked.requests.size) {
      add(parent, "p", "No requirement was found in this text.");
      showReading(parent, asked, python);
      return;
    }
    const change = series === null ? null : goTo(asked.requests, series, python);
    const report = advise(change ? change.requests : asked.requests, python);
    const failing = report.subjects.filter(({ finding }) => finding === "fails").length;
    if (change) showChange(parent, change, failing, asked.requests.size);
    else if (series !== null) add(parent, "p", `${title(data.framework)} ${series} was not run alone, or fails. With the versions of the file:`);
    showFailing(parent, report, asked.names);
    showDepending(parent, report);
    if (report.subjects.every(({ finding }) => finding === "works" || finding === "unknown")) {
      add(parent, "h2", `None of ${report.breakages} known breakages matches`);
    }
    const tested = report.tested === 1 ? "1 is" : `${report.tested} are`;
    add(parent, "p", `Of your ${counted(report.asked, "package")} ${tested} tested here; data of ${data.as_of}.`);
    showRest(parent, report);
    const others = [...asked.requests.keys()].filter((name) => !subjects.has(name));
    if (others.length) add(parent, "p", `Not tested here: ${list(others)}.`).className = "quiet";
    showReading(parent, asked, python);
    add(parent, "p", `Only published results are known here. To run your set itself: ${CHECK}`).className = "quiet";
  }

  window.PasteBox.show = show;
})();
