// What a page can do besides being read: copy what is typed, filter a table.
"use strict";
(() => {
  // Puts a button that copies beside what is to be typed.
  function addCopyButton(typed) {
    if (!navigator.clipboard) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    const text = typed.textContent;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(typed);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    const both = document.createElement("div");
    both.className = "copyable";
    typed.replaceWith(both);
    both.append(typed, button);
  }
  document.querySelectorAll("pre.typed, pre.copied").forEach(addCopyButton);
  window.Page = { addCopyButton };

  // Buttons that make a chart larger and smaller.
  for (const figure of document.querySelectorAll("figure.history")) {
    const picture = figure.querySelector("svg");
    const { width, height } = picture.viewBox.baseVal;
    let scale = 1;
    const buttons = document.createElement("p");
    buttons.className = "zoom";
    for (const [words, factor] of [["Larger", 1.5], ["Smaller", 1 / 1.5]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      button.addEventListener("click", () => {
        scale = Math.min(4, Math.max(0.5, scale * factor));
        picture.setAttribute("width", width * scale);
        picture.setAttribute("height", height * scale);
      });
      buttons.append(button);
    }
    figure.closest(".frame").before(buttons);
  }

  function decoded(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  }

  // Opens the evidence that a link leads to.
  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(decoded(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (!folded || folded.open) return;
    folded.open = true;
    folded.scrollIntoView();
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();

  for (const box of document.querySelectorAll("input[data-filters]")) {
    box.closest("[hidden]").hidden = false;
    const rows = document.getElementById(box.dataset.filters).closest("section").querySelectorAll("tbody tr");
    box.addEventListener("input", () => {
      const wanted = box.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    });
  }
})();
