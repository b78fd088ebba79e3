"use strict";
// Search: what has none of the words is hidden, and folds around what has all of them open. Printing opens folds too.
// Copy: a button at each YAML.
(() => {
  const box = document.getElementById("search");
  const said = document.getElementById("found");
  const items = [...document.querySelectorAll("[data-item]")].map((item) => [item, item.textContent.toLowerCase()]);
  const blocks = [...document.querySelectorAll("[data-block]")];
  const opened = new Set();

  function close() {
    opened.forEach((fold) => (fold.open = false));
    opened.clear();
  }

  function open(fold) {
    if (!fold.open) {
      fold.open = true;
      opened.add(fold);
    }
  }

  function search() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    close();
    let found = 0;
    for (const [item, text] of items) {
      item.hidden = !words.every((word) => text.includes(word));
      if (words.length && !item.hidden) {
        found += 1;
        for (let fold = item.parentElement.closest("details"); fold; fold = fold.parentElement.closest("details")) {
          open(fold);
        }
      }
    }
    for (const block of blocks) block.hidden = words.length > 0 && !block.querySelector("[data-item]:not([hidden])");
    document.body.classList.toggle("searching", words.length > 0);
    said.textContent = words.length ? `${found} found` : "";
  }

  function unseen(text) {
    const made = document.createElement("span");
    made.className = "unseen";
    made.textContent = text;
    return made;
  }

  // Where the page may not write to the clipboard itself, as from some files, a selection is copied as by hand.
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = document.body.appendChild(document.createElement("textarea"));
      field.value = text;
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }

  function button(yaml) {
    const made = document.createElement("button");
    const word = document.createElement("span");
    const heard = unseen("");
    made.type = "button";
    made.className = "copy";
    word.textContent = "Copy";
    heard.setAttribute("role", "status");
    made.append(word, unseen(` ${yaml.getAttribute("aria-label")}`));
    made.addEventListener("click", async () => {
      word.textContent = heard.textContent = (await copy(yaml.textContent)) ? "Copied" : "Not copied: select it";
      made.focus();
      setTimeout(() => ([word.textContent, heard.textContent] = ["Copy", ""]), 2000);
    });
    const around = document.createElement("div");
    around.className = "code";
    yaml.replaceWith(around);
    around.append(made, heard, yaml);
  }

  document.querySelectorAll("pre").forEach(button);
  box.addEventListener("input", search);
  document.getElementById("bar").hidden = false;
  addEventListener("beforeprint", () => document.querySelectorAll("details[data-print]").forEach(open));
  addEventListener("afterprint", close);
})();
