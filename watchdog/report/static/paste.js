// Shows what is known about pasted requirements, in words.
"use strict";
(() => {
  const data = window.WATCHDOG;
  const { read, advise, goTo, subjects, namesOf, newestPython } = window.PasteBox;
  const CHECK = "flask-watchdog check -r requirements.txt";
  const LISTED = 30;
  const { root } = document.getElementById("search").dataset;
  const title = (name) => data.titles[name] || name;
  const list = (items) => (items.length > LISTED ? `${items.slice(0, LISTED).join(", ")} and ${items.length - LISTED} more` : items.join(", "));
  const onPythons = (pythons) => `Python ${pythons.join(", ")}`;
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`);
  const command = (typed) => `pip install ${typed.map(quoted).join(" ")}`;
  const series = (text) => text.split(".").slice(0, 2).join(".");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  // A day as on the other pages: 30 Sep 2023.
  const day = (text) => text.replace(/^(\d+)-(\d+)-(\d+)$/, (_, year, month, number) => `${Number(number)} ${MONTHS[month - 1]} ${year}`);
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
    if (seen) parts.push(seen[0] === seen[1] ? `seen on ${day(seen[0])}` : `seen from ${day(seen[0])} to ${day(seen[1])}`);
    if (again) parts.push(`${seen ? "run again" : "run"} on ${day(again)}${pythons.length ? ` on ${onPythons(pythons)}` : ""}`);
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
    add(parent, "p", `Instead: run on ${day(offer.checked)}, works on ${onPythons(offer.worksOn)}${fails}.`);
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
      else if (subject.refused) add(item, "p", "No set that was run works for it and for your other packages on this Python.");
      else add(item, "p", "No set in which it works is known here.");
    }
    if (report.together) {
      add(parent, "h2", "One set in which they all work");
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
        add(items, "li", `${title(answer.subject)} ${answer.version} on ${onPythons(answer.worksOn)} (run on ${day(data.as_of)})`);
      }
    }
    if (named("unknown").length) {
      add(parent, "p", `Not run in your versions, and no known breakage matches: ${versions(named("unknown"))}.`);
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

  // What is known of a change to another series of the framework.
  function showChange(parent, { version, replaced, python: used }, python, report, names) {
    const found = (wanted) => report.subjects.filter(({ finding }) => finding === wanted).length;
    const [failing, unknown] = [found("fails"), found("unknown") + names.size - report.tested];
    const breaks = failing === 0 ? "no known breakage" : `at least ${counted(failing, "package")} ${failing === 1 ? "breaks" : "break"}`;
    add(parent, "h2", `If you go to ${title(data.framework)} ${version}: ${breaks}`);
    const rest = unknown ? `${unknown} of your ${counted(names.size, "package")} ${unknown === 1 ? "was" : "were"} not run with it in your versions. ` : "";
    add(parent, "p", `${rest}What their metadata forbids is not known here. To find out, and to run it: ${CHECK} --framework ${series(version)}`);
    if (python !== null && used !== python) add(parent, "p", `${title(data.framework)} ${version} alone was run on Python ${used}, not on ${python}.`);
    if (!replaced.length) return;
    add(parent, "p", `Other versions than yours stood beside it when it was run, and are read here; which of yours may stay is not known:`);
    const notes = add(parent, "ul");
    for (const { name, asked, has } of replaced) add(notes, "li", `${title(name)} ${has} instead of your ${asked}`);
  }

  // Shows the answer for the text of a requirements file; `wanted` is the series of the framework to go to, or null.
  function show(parent, text, python, wanted) {
    const asked = read(text, python);
    if (!asked.requests.size) {
      add(parent, "p", "No requirement was found in this text.");
      showReading(parent, asked, python);
      return;
    }
    const change = wanted === null ? null : goTo(asked.requests, wanted, python);
    const report = advise(change ? change.requests : asked.requests, python);
    if (change) showChange(parent, change, python, report, asked.names);
    else if (wanted !== null) add(parent, "p", `${title(data.framework)} ${wanted} was not run alone, or fails. With the versions of the file:`);
    showFailing(parent, report, asked.names);
    showDepending(parent, report);
    if (report.subjects.every(({ finding }) => finding === "works" || finding === "unknown")) {
      const isRun = report.subjects.some(({ finding }) => finding === "works");
      add(parent, "h2", isRun ? "No known breakage matches" : "These versions were not run here, and no known breakage matches");
    }
    add(parent, "p", `${report.tested} of your ${counted(report.asked, "package")} ${report.tested === 1 ? "is" : "are"} tested here; data of ${day(data.as_of)}.`);
    showRest(parent, report);
    const others = [...asked.requests.keys()].filter((name) => !subjects.has(name));
    const looked = new Set(report.subjects.flatMap(({ answer }) => [...namesOf.get(answer.subject)]));
    const [beside, unknown] = [others.filter((name) => looked.has(name)), others.filter((name) => !looked.has(name))];
    if (beside.length) add(parent, "p", `Looked at only as part of the sets that were run: ${list(beside)}.`).className = "quiet";
    if (unknown.length) add(parent, "p", `Not tested here: ${list(unknown)}.`).className = "quiet";
    showReading(parent, asked, python);
    add(parent, "p", `Only published results are known here. To run your set itself: ${CHECK}`).className = "quiet";
  }

  window.PasteBox.show = show;
})();
