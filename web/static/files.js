// A directory: sorting and filtering without a round trip, selecting, keys, menus, tiles.
"use strict";
(() => {
  const { make, icon, say, typing } = tahoe;
  // Rows in one group, as the node makes them.
  const CHUNK = 120;
  const base = document.body.dataset.base;
  const writable = "uploadTo" in document.body.dataset;
  let listing = null;
  let place = null;
  let rows = [];
  const link = (row) => row.querySelector(".c-name a");
  const box = (row) => row.querySelector("input");
  const shown = () => rows.filter((row) => !row.hidden);
  const chosen = () => rows.filter((row) => box(row).checked);

  // Selection
  let anchor = null;
  const count = () => {
    if (!listing) return;
    const n = chosen().length;
    listing.classList.toggle("selecting", n > 0);
    listing.querySelector("[data-count]").textContent = `${n} selected`;
    for (const row of rows) row.classList.toggle("chosen", box(row).checked);
    const all = listing.querySelector("[data-all]");
    all.checked = n > 0 && n === shown().length;
    all.indeterminate = n > 0 && !all.checked;
  };
  const choose = (list, on = true) => { for (const row of list) box(row).checked = on; count(); };
  const range = (from, to) => {
    const list = shown();
    const [a, b] = [list.indexOf(from), list.indexOf(to)].sort((x, y) => x - y);
    return a < 0 ? [to] : list.slice(a, b + 1);
  };

  // Sorting
  let order = { key: "name", down: false };
  // As the node has them: digits by their value, letters whatever their case.
  const parts = (name) => name.toLowerCase().match(/[0-9]+|[^0-9]+/g) ?? [];
  const known = new Map();
  const split = (name) => { if (!known.has(name)) known.set(name, parts(name)); return known.get(name); };
  const by = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const natural = (one, other) => {
    const [a, b] = [split(one), split(other)];
    for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
      const [x, y] = [a[i], b[i]];
      const digits = /^[0-9]/.test(x) && /^[0-9]/.test(y);
      const [m, n] = digits ? [x.replace(/^0+/, ""), y.replace(/^0+/, "")] : [x, y];
      const found = digits ? m.length - n.length || by(m, n) : by(m, n);
      if (found) return found;
    }
    return a.length - b.length || by(one, other);
  };
  const folderFirst = (a, b) => (b.dataset.k === "folder") - (a.dataset.k === "folder");
  const compare = {
    name: (a, b) => natural(a.dataset.n, b.dataset.n),
    size: (a, b) => a.dataset.s - b.dataset.s,
    changed: (a, b) => a.dataset.t - b.dataset.t,
  };
  const sort = (key) => {
    order = { key, down: order.key === key ? !order.down : false };
    const sign = order.down ? -1 : 1;
    rows.sort((a, b) => folderFirst(a, b) || sign * compare[key](a, b) || compare.name(a, b));
    const chunks = [];
    for (let at = 0; at < rows.length; at += CHUNK) chunks.push(make("div", { role: "rowgroup", class: "chunk" }, ...rows.slice(at, at + CHUNK)));
    place.replaceChildren(...chunks);
    for (const head of listing.querySelectorAll("[data-sort]")) {
      const cell = head.parentElement;
      head.querySelector("svg")?.remove();
      cell.removeAttribute("aria-sort");
      if (head.dataset.sort === key) {
        cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
        head.append(icon(order.down ? "down" : "up"));
      }
    }
    say(`Sorted by ${key}, ${order.down ? "descending" : "ascending"}`);
  };

  // Filter
  const filter = (text) => {
    const wanted = text.trim().toLocaleLowerCase();
    let any = 0;
    for (const row of rows) {
      row.hidden = wanted !== "" && !row.dataset.n.toLocaleLowerCase().includes(wanted);
      any += !row.hidden;
    }
    listing.querySelector("[data-none]").hidden = any > 0;
    count();
    say(`${any} shown`);
  };

  // Tiles; the choice is kept, as this browser's.
  const tiles = (on, keep = true) => {
    listing.classList.toggle("tiles", on);
    for (const row of rows) {
      const cell = row.querySelector(".c-name");
      const image = cell.querySelector("img");
      if (on && row.dataset.img && !image) {
        cell.querySelector("svg")?.replaceWith(make("img", { class: "thumb", src: row.dataset.img, alt: "", loading: "lazy", decoding: "async" }));
      } else if (!on && image) {
        image.replaceWith(icon(row.dataset.k));
      }
    }
    for (const view of listing.querySelectorAll("[data-view]")) view.classList.toggle("on", (view.dataset.view === "grid") === on);
    if (keep) try { localStorage.setItem("view", on ? "grid" : "list"); } catch { /* not kept then */ }
  };

  // What can be done
  const names = (list) => list.map((row) => row.dataset.n);
  // By POST: the names of many do not fit into an address.
  const chooseFolder = (list) => {
    const fields = new URLSearchParams({ t: "move-form" });
    for (const name of names(list)) fields.append("item", encodeURIComponent(name));
    tahoe.openDialog(base, fields);
  };
  const remove = (list) => {
    if (!writable || list.length === 0) return;
    choose(rows, false);
    choose(list);
    listing.requestSubmit(listing.querySelector("[data-delete]"));
  };
  const act = {
    open: (row) => link(row)?.click(),
    rename: (row) => tahoe.openDialog(`${base}?t=rename-form&name=${encodeURIComponent(row.dataset.n)}&when_done=${encodeURIComponent(base)}`),
    move: (list) => { if (list.length) chooseFolder(list); },
    share: (row) => { if (link(row)) tahoe.openDialog(`${info(row).split("?")[0]}?t=share`); },
    remove,
  };
  const info = (row) => row.querySelector("[data-more]").getAttribute("href");

  // The menu of one row
  let menu = null;
  const closeMenu = (back) => {
    if (!menu) return;
    const { element, from } = menu;
    menu = null;
    element.remove();
    from.setAttribute("aria-expanded", "false");
    if (back) from.focus();
  };
  const openMenu = (row, from) => {
    closeMenu(false);
    const entry = (name, words, run, kind = "") => make("button", { type: "button", role: "menuitem", class: kind, onclick: () => { closeMenu(true); run(); } }, icon(name), words);
    const element = make("div", { class: "menu", role: "menu", "aria-label": row.dataset.n });
    if (link(row)) element.append(entry("eye", "Open", () => act.open(row)));
    if (row.dataset.k !== "folder" && row.dataset.k !== "unknown") element.append(make("a", { role: "menuitem", href: `${info(row).split("?")[0]}?save=true`, download: true }, icon("download"), "Download"));
    element.append(entry("share", "Share", () => act.share(row)));
    if (writable) element.append(entry("rename", "Rename", () => act.rename(row)), entry("move", "Move or copy", () => act.move([row])));
    element.append(make("a", { role: "menuitem", href: info(row) }, icon("info"), "Details"));
    if (writable) element.append(entry("trash", "Delete", () => remove([row]), "danger"));
    document.querySelector("main").append(element);
    const where = from.getBoundingClientRect();
    const below = where.bottom + element.offsetHeight < innerHeight - 72;
    element.style.left = `${Math.max(8, where.right - element.offsetWidth) + scrollX}px`;
    element.style.top = `${(below ? where.bottom + 4 : where.top - element.offsetHeight - 4) + scrollY}px`;
    from.setAttribute("aria-expanded", "true");
    menu = { element, from };
    element.firstElementChild.focus();
    element.addEventListener("keydown", (event) => {
      const items = [...element.children];
      const at = items.indexOf(document.activeElement);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); items[(at + step + items.length) % items.length].focus(); }
      if (event.key === "Escape" || event.key === "Tab") { event.preventDefault(); closeMenu(true); }
      event.stopPropagation();
    });
  };

  document.addEventListener("click", (event) => { if (menu && !menu.element.contains(event.target)) closeMenu(false); }, true);

  // The listing that is on the page now.
  const bind = () => {
    listing = document.querySelector("[data-listing]");
    place = listing?.querySelector("[data-rows]") ?? null;
    rows = [...(place?.querySelectorAll(".row") ?? [])];
    anchor = null;
    if (!listing) return;
    for (const row of rows) {
      if (row.dataset.t !== "0") row.querySelector(".c-changed").textContent = tahoe.when(Number(row.dataset.t));
    }
    for (const row of rows) row.querySelector("[data-more]").setAttribute("aria-haspopup", "menu");
    listing.addEventListener("click", (event) => {
      const more = event.target.closest("[data-more]");
      const head = event.target.closest("[data-sort]");
      const view = event.target.closest("[data-view]");
      if (event.ctrlKey || event.metaKey) return;
      if (more) { event.preventDefault(); openMenu(more.closest(".row"), more); }
      if (head) { event.preventDefault(); sort(head.dataset.sort); }
      if (view) { event.preventDefault(); tiles(view.dataset.view === "grid"); }
      if (event.target.closest("[data-clear]")) choose(rows, false);
      if (event.target.closest("[data-move]")) { event.preventDefault(); act.move(chosen()); }
      const cell = event.target.closest(".rows .c-check");
      if (cell && event.shiftKey && anchor) choose(range(anchor, cell.closest(".row")));
      if (cell) anchor = cell.closest(".row");
    });
    listing.addEventListener("contextmenu", (event) => {
      const row = event.target.closest(".rows .row");
      if (!row || event.target.closest("a[href]:not([data-more])") === null) return;
      event.preventDefault();
      openMenu(row, row.querySelector("[data-more]"));
    });
    listing.addEventListener("change", (event) => {
      if (event.target.matches("[data-all]")) choose(shown(), event.target.checked);
      else count();
    });
    listing.querySelector("[data-filter]").addEventListener("input", (event) => filter(event.target.value));
    listing.addEventListener("submit", (event) => { if (!event.submitter) event.preventDefault(); });
    let kept = null;
    try { kept = localStorage.getItem("view"); } catch { /* not kept */ }
    if (kept && !/[?&]view=/.test(tahoe.here)) tiles(kept === "grid", false);
    const first = listing.querySelector("[aria-sort]");
    if (first) order = { key: first.querySelector("[data-sort]").dataset.sort, down: first.getAttribute("aria-sort") === "descending" };
    count();
  };
  bind();

  // The same page as the node would draw it now; what is selected or typed is lost.
  tahoe.refresh = async () => {
    if (tahoe.dialog?.open || menu || chosen().length || listing?.querySelector("[data-filter]").value) return;
    const at = focused()?.dataset.n;
    const answer = await fetch(tahoe.here.replace(/[?&]deleted=[^&]*/, ""), { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelector("main").replaceChildren(...document.importNode(page.querySelector("main"), true).childNodes);
    bind();
    goto(rows.find((row) => row.dataset.n === at));
  };

  // Keys
  const focused = () => document.activeElement?.closest?.(".rows .row") ?? null;
  const goto = (row) => { if (row) (link(row) ?? box(row)).focus(); };
  const perLine = () => {
    if (!listing.classList.contains("tiles")) return 1;
    const list = shown();
    const top = list[0]?.offsetTop;
    const next = list.findIndex((row) => row.offsetTop !== top);
    return next < 0 ? list.length : next;
  };
  const go = (event) => {
    const list = shown();
    const at = list.indexOf(focused());
    const wide = listing.classList.contains("tiles");
    const step = { ArrowDown: perLine(), ArrowUp: -perLine(), ArrowRight: wide ? 1 : 0, ArrowLeft: wide ? -1 : 0 }[event.key];
    const to = { Home: 0, End: list.length - 1 }[event.key] ?? (at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + step)));
    if (step === 0) return;
    event.preventDefault();
    goto(list[to]);
    if (event.shiftKey) { anchor ??= list[at] ?? list[to]; choose(range(anchor, list[to])); } else anchor = list[to];
  };
  const acting = () => { const list = chosen(); return list.length ? list : [focused()].filter(Boolean); };
  const press = (what) => document.querySelector(`[data-do="${what}"]`)?.click();
  const keys = {
    " ": () => { const row = focused(); if (row) { box(row).checked = !box(row).checked; anchor = row; count(); } return row; },
    Delete: () => { const list = acting(); if (list.length) remove(list); return list.length; },
    F2: () => { const row = acting()[0]; if (row && writable) act.rename(row); return row; },
    m: () => { const list = acting(); if (list.length && writable) act.move(list); return list.length; },
    s: () => { const row = acting()[0]; if (row) act.share(row); else press("share"); return true; },
    n: () => { press("new-folder"); return true; },
    u: () => { press("upload"); return true; },
    v: () => { if (listing) tiles(!listing.classList.contains("tiles")); return true; },
    "/": () => { listing?.querySelector("[data-filter]").focus(); return true; },
    Escape: () => { choose(rows, false); return true; },
    Backspace: () => { const up = [...document.querySelectorAll(".crumbs a")].pop(); up?.click(); return up; },
  };
  document.addEventListener("keydown", (event) => {
    if (tahoe.dialog?.open || menu) return;
    if (event.target.matches?.("[data-filter]")) {
      if (event.key === "Escape") { event.target.value = ""; filter(""); goto(shown()[0]); }
      if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); goto(shown()[0]); }
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "a" && listing && !event.target.matches("input:not([type=checkbox])")) {
      event.preventDefault();
      choose(shown());
      return;
    }
    if (typing(event)) return;
    if (listing && /^(Arrow|Home$|End$)/.test(event.key) && rows.length) { go(event); return; }
    if (event.key === " " && event.target.matches("button, input, summary")) return;
    const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (key && (listing || !["Escape", " "].includes(event.key)) && key()) event.preventDefault();
  });
})();
