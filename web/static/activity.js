// Transfers as they go: the gateway sends each change of the two lists as an event.
"use strict";
(() => {
  const { make, icon, size } = tahoe;
  const live = document.querySelector("[data-live]");
  const [dot, words] = live.children;
  const verbs = { true: ["Stored", "Storing"], false: ["Fetched", "Fetching"] };
  const row = (one) => {
    const up = one.type === "upload";
    const verb = verbs[up][one.status === "Finished" ? 0 : 1];
    const done = up ? one["progress-encode-push"] : one.progress;
    const picture = icon(up ? "upload" : "download");
    picture.setAttribute("class", `i big ${up ? "up" : "down"}`);
    const about = make("small", {}, make("a", { href: `/status/${one.name}` }, one.name));
    if (one["storage-index-string"]) about.append(" · ", make("code", {}, one["storage-index-string"]));
    return make("li", { class: "panel" }, picture, make("div", {}, make("strong", {}, `${verb} ${size(one["total-size"])}`), about, make("progress", { max: 1, value: done, "aria-label": one.name })), make("span", { class: "percent" }, one.status === "Uploading" || one.status === "Downloading" ? `${Math.floor(done * 100)} %` : one.status));
  };
  const fill = (place, list, nothing) => {
    place.replaceChildren(list.length ? make("ul", { class: "transfers" }, ...list.map(row)) : make("p", { class: "empty small" }, nothing));
  };
  const events = new EventSource("/status?t=events");
  events.onopen = () => { dot.className = "dot good"; words.textContent = "live"; };
  events.onerror = () => { dot.className = "dot bad"; words.textContent = "the node does not answer"; };
  events.onmessage = (event) => {
    const { active, recent } = JSON.parse(event.data);
    fill(document.querySelector("[data-active]"), active, "Nothing is being transferred.");
    fill(document.querySelector("[data-recent]"), recent, "Nothing yet since the node started.");
  };
})();
