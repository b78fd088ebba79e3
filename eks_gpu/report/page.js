"use strict";
// Search: what has none of the words is hidden, and folds around what has all of them open. Printing opens folds too.
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

  box.addEventListener("input", search);
  document.getElementById("bar").hidden = false;
  addEventListener("beforeprint", () => document.querySelectorAll("details[data-print]").forEach(open));
  addEventListener("afterprint", close);
})();
