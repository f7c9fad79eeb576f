/* Whoever writes uses the page: the service is told so, and warns before it signs anybody out whose words are not sent
   (WCAG 2.2, 2.2.1). The service notes the last use every few minutes only. */
"use strict";

(() => {
  const place = document.getElementById("session-end");
  const [idle, notedEvery, left] = [place.dataset.idle, place.dataset.notedEvery, place.dataset.left].map(Number);
  const BEFORE = 5 * 60;
  const LOOKS_EVERY = 10 * 1000;
  const opened = Date.now();
  const button = place.querySelector("button");
  let used = opened;
  let field = null;
  let wrote = false;
  let isOver = false;

  const since = (moment) => (Date.now() - moment) / 1000;

  function show(when) {
    for (const part of place.children) part.hidden = part.dataset.when !== when;
  }

  async function stay() {
    const answer = await fetch(place.dataset.stay, { cache: "no-store", redirect: "manual" });
    if (answer.status === 204) {
      used = Date.now();
      wrote = false;
      show("");
    } else if (answer.type === "opaqueredirect") {
      isOver = true;
      show("over");
    }
  }

  function look() {
    if (field === null || isOver) return;
    if (since(used) >= idle || since(opened) >= left || (wrote && since(used) > notedEvery)) {
      stay().catch(() => {}); // without a network it is tried again
    } else if (since(opened) >= left - BEFORE) {
      show("last");
    } else if (since(used) >= idle - notedEvery - BEFORE) {
      show("idle");
    }
  }

  document.addEventListener("input", (event) => {
    field = event.target;
    wrote = true;
  });
  button.addEventListener("click", () => {
    stay().catch(() => {});
    field.focus();
  });
  setInterval(look, LOOKS_EVERY);
})();
