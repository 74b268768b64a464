// While viewing: arrows lead to the files before and after, Escape and Backspace to the folder.
"use strict";
document.addEventListener("keydown", (event) => {
  if (tahoe.dialog?.open || tahoe.typing(event) || event.target.matches("video, audio")) return;
  const go = { ArrowLeft: "[rel=prev]", ArrowRight: "[rel=next]" }[event.key];
  const up = event.key === "Escape" || event.key === "Backspace";
  const to = go ? document.querySelector(go) : up ? [...document.querySelectorAll(".crumbs a")].pop() : null;
  if (to) { event.preventDefault(); to.click(); }
});
