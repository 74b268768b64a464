// Uploads: files and folders dropped anywhere, or chosen, go through a queue with progress. Each is
// one PUT below the directory; folders are made first. What is there is never replaced unasked.
"use strict";
(() => {
  const { make, icon, say, size } = tahoe;
  const to = document.body.dataset.uploadTo;
  if (!to) return;
  const AT_ONCE = 3;
  let queue = [];
  // Those that wait, in order; some may have been cancelled since.
  let waiting = [];
  let panel = null;
  // Figures of the queue, kept up to date one by one: it may be long. `before` is what had gone when
  // the present batch began, which is what its rate is about.
  let figures = null;
  // `reading` counts what was dropped and is still being looked through: more may come of it.
  const reset = () => { figures = { reading: 0, waiting: 0, sending: 0, done: 0, failed: 0, all: 0, gone: 0, before: 0, began: 0 }; };
  reset();
  const busy = () => figures.reading + figures.waiting + figures.sending > 0;

  const address = (path) => `${to}/${path.map(encodeURIComponent).join("/")}`;
  const button = (name, words, run) => make("button", { type: "button", class: "icon-button", "aria-label": words, title: words, onclick: run }, icon(name));

  const show = () => {
    if (panel) return;
    const title = make("h2", {}, "Uploads");
    const bar = make("progress", { max: 1, value: 0, "aria-label": "All uploads" });
    const total = make("p", { class: "queue-total" });
    const list = make("ul");
    const close = button("close", "Close the list of uploads", () => {
      if (busy() && !confirm("Not everything is stored yet. Cancel the rest?")) return;
      const old = queue;
      panel.element.remove();
      panel = null;
      queue = [];
      waiting = [];
      for (const job of old) job.cancel?.();
      reset();
    });
    const element = make("section", { class: "queue", "aria-label": "Uploads" }, make("div", { class: "queue-head" }, title, close), bar, total, list);
    document.body.append(element);
    panel = { element, title, bar, total, list };
  };

  const seconds = (left) => (left < 60 ? `${Math.ceil(left)} s left` : `${Math.ceil(left / 60)} min left`);

  const files = (count) => `${count} ${count === 1 ? "file" : "files"}`;

  // How it goes. No time is told while the end is not known: of a folder that is still being read, or
  // of what the node has and spreads over the servers.
  const progress = () => {
    const { reading, all, gone, before, began } = figures;
    const so_far = `${size(gone)} of ${size(all)}`;
    if (reading) return `${so_far}; the folder is still being read`;
    if (gone >= all) return "All sent; the node is spreading it over the servers";
    const rate = (gone - before) / Math.max(0.5, (performance.now() - began) / 1000);
    return rate > 0 ? `${so_far}, ${size(Math.round(rate))}/s, ${seconds((all - gone) / Math.max(rate, 1))} to send` : so_far;
  };

  const totals = () => {
    if (!panel) return;
    const { reading, done, failed, all, gone } = figures;
    panel.bar.value = all ? gone / all : busy() ? 0 : 1;
    panel.title.textContent = busy() ? `Storing ${files(queue.length)}${reading ? " so far" : ""}` : failed ? `${failed} not stored` : `${files(done)} stored`;
    panel.total.textContent = busy() ? progress() : failed ? "Retry, or close the list." : "Everything is stored.";
    if (!busy() && !panel.finished) {
      panel.finished = true;
      say(panel.title.textContent);
      tahoe.refresh?.();
    }
    panel.finished = !busy();
  };

  const sent = (job, bytes) => {
    if (job.list !== queue) return;
    figures.gone += bytes - job.sent;
    job.sent = bytes;
  };

  // What is not stored is not on its way either.
  const weight = (job, state) => (state === "" || state === "failed" ? 0 : job.file.size);

  // Where nothing was under way, a batch begins.
  const begin = () => { if (!busy()) Object.assign(figures, { before: figures.gone, began: performance.now() }); };

  const set = (job, state, words) => {
    if (job.list === queue) {
      if (job.state) figures[job.state] -= 1;
      begin();
      figures[state] += 1;
      figures.all += weight(job, state) - weight(job, job.state);
      sent(job, state === "done" ? job.file.size : 0);
    }
    job.state = state;
    if (state === "waiting") {
      waiting.push(job);
      job.cancel = () => set(job, "failed", "Cancelled");
    }
    job.row.className = state;
    job.said.textContent = words;
    const tools = { waiting: [button("close", `Cancel ${job.name}`, () => job.cancel())], sending: [button("close", `Cancel ${job.name}`, () => job.cancel())], failed: [button("retry", `Retry ${job.name}`, job.again ?? (() => { set(job, "waiting", "Waiting"); next(); }))] };
    job.tools.replaceChildren(...(job.asks ?? tools[state] ?? []));
    job.asks = null;
    if (state === "done" || state === "failed") job.bar.hidden = true;
    totals();
  };

  // After the upload: on how many servers the shares really are; one after the other.
  let checks = Promise.resolve();
  const check = async (job, target) => {
    try {
      const answer = await fetch(`${target}?t=check&output=JSON`, { method: "POST" });
      const { results } = await answer.json();
      const { "count-good-share-hosts": hosts, "count-shares-good": good, "count-shares-expected": wanted } = results;
      // A share for each server is the rule; with fewer servers, some hold several.
      job.said.textContent = hosts === undefined ? "Stored, within its capability"
        : hosts === wanted ? `Stored on ${hosts} of ${wanted} servers`
          : `Stored on ${hosts} ${hosts === 1 ? "server" : "servers"}, ${good} of ${wanted} shares`;
    } catch { /* it is stored all the same */ }
  };

  const conflict = (job) => {
    const choose = (words, name, run) => button(name, words, () => { run(); set(job, "waiting", "Waiting"); next(); });
    const stem = job.path.at(-1);
    const dot = stem.lastIndexOf(".");
    job.asks = [
      choose(`Replace ${stem}`, "retry", () => { job.replace = true; }),
      choose(`Keep both, under another name: ${stem}`, "copy", () => {
        job.tries = (job.tries ?? 1) + 1;
        job.path = [...job.path.slice(0, -1), dot > 0 ? `${job.stem.slice(0, dot)} (${job.tries})${job.stem.slice(dot)}` : `${job.stem} (${job.tries})`];
      }),
    ];
    set(job, "failed", "There is a file of that name: replace it, or keep both?");
  };

  const send = (job) => {
    const request = new XMLHttpRequest();
    const target = address(job.path);
    job.cancel = () => { request.abort(); set(job, "failed", "Cancelled"); next(); };
    request.upload.onprogress = (event) => {
      sent(job, Math.min(event.loaded, job.file.size));
      job.bar.value = event.total ? event.loaded / event.total : 0;
      if (job.state === "sending") job.said.textContent = event.loaded < event.total ? `${size(event.loaded)} of ${size(event.total)}` : "Spreading over the servers";
      if (event.loaded >= event.total) job.bar.removeAttribute("value");
      totals();
    };
    request.onload = () => {
      job.cancel = null;
      if (request.status === 200 || request.status === 201) { set(job, "done", "Stored"); checks = checks.then(() => check(job, target)); }
      else if (request.status === 409) conflict(job);
      else { set(job, "failed", request.responseText.trim().slice(0, 300) || `Refused (${request.status})`); }
      next();
    };
    request.onerror = () => { job.cancel = null; set(job, "failed", "The node does not answer. Is it running?"); next(); };
    request.open("PUT", `${target}?replace=${job.replace ? "only-files" : "false"}`);
    set(job, "sending", "Sending");
    job.bar.hidden = false;
    request.send(job.file);
  };

  const next = () => {
    while (figures.sending < AT_ONCE && waiting.length) {
      const job = waiting.shift();
      if (job.state === "waiting") send(job);
    }
    totals();
  };

  // A row of the list: a file, or what could not be read to be one.
  const enlist = (file, path) => {
    show();
    const name = path.join("/");
    const said = make("span", { class: "said" });
    const bar = make("progress", { max: 1, value: 0, "aria-label": name });
    const tools = make("span");
    const row = make("li", {}, make("span", { class: "name", title: name }, name), said, tools, bar);
    const job = { file, path, stem: path.at(-1), name, sent: 0, state: "", list: queue, row, said, bar, tools };
    panel.list.append(row);
    queue.push(job);
    return job;
  };

  const add = (file, path) => {
    const job = enlist(file, path);
    set(job, "waiting", "Waiting");
    if (figures.sending < AT_ONCE) next();
  };

  // What could not be read, or a folder that could not be made: nothing in it is stored.
  const lost = (entry, path, error) => {
    const job = enlist({ size: 0 }, [...path, entry.name]);
    job.again = () => {
      job.row.remove();
      queue.splice(queue.indexOf(job), 1);
      figures.failed -= 1;
      start([entry], path);
    };
    set(job, "failed", entry.isFile ? `It could not be read: ${error.message}` : `Not everything in it is stored: ${error.message}`);
  };

  const folder = async (path) => {
    const answer = await fetch(`${address(path)}?t=mkdir`, { method: "POST" });
    if (!answer.ok) throw new Error((await answer.text()).trim());
  };

  // Nothing is read for a list that was closed.
  const read = async (entry, path, list) => {
    const here = [...path, entry.name];
    if (entry.isFile) {
      const file = await new Promise((good, bad) => entry.file(good, bad));
      if (list === queue) add(file, here);
      return;
    }
    await folder(here);
    const reader = entry.createReader();
    while (list === queue) {
      const some = await new Promise((good, bad) => reader.readEntries(good, bad));
      if (some.length === 0) return;
      for (const child of some) await visit(child, here, list);
    }
  };

  const visit = async (entry, path, list) => {
    if (list !== queue) return;
    try {
      await read(entry, path, list);
    } catch (error) {
      if (list === queue) lost(entry, path, error);
    }
  };

  const start = async (entries, path = []) => {
    show();
    const list = queue;
    begin();
    figures.reading += 1;
    totals();
    for (const entry of entries) await visit(entry, path, list);
    if (list !== queue) return;
    figures.reading -= 1;
    next();
  };

  tahoe.upload = (files) => {
    // What was chosen with its folder says where in it it is; the node makes the folders.
    for (const file of files) add(file, file.webkitRelativePath ? file.webkitRelativePath.split("/") : [file.name]);
  };

  // Dropping, anywhere
  let veil = null;
  const lift = () => { veil?.remove(); veil = null; };
  const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    if (!veil) {
      veil = make("div", { class: "veil" }, make("p", {}, "Drop to store it here"));
      document.body.append(veil);
    }
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) lift(); });
  addEventListener("drop", (event) => {
    lift();
    if (!carries(event)) return;
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (entries.length) start(entries); else tahoe.upload(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (!tahoe.dialog && event.clipboardData.files.length) tahoe.upload(event.clipboardData.files);
  });
  addEventListener("beforeunload", (event) => {
    if (busy()) event.preventDefault();
  });

  // Choosing
  const choosing = (how) => {
    const input = make("input", { type: "file", multiple: true, hidden: true, ...how, onchange: () => { tahoe.upload(input.files); input.value = ""; } });
    document.body.append(input);
    return input;
  };
  const chooser = choosing({ "data-chooser": true });
  const folders = choosing({ "data-folders": true, webkitdirectory: true });
  document.addEventListener("click", (event) => {
    const on = event.target.closest?.('[data-do="upload"], [data-do="upload-folder"]');
    if (!on) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    (on.dataset.do === "upload" ? chooser : folders).click();
  }, true);
  const drop = document.querySelector("[data-drop]");
  drop?.addEventListener("submit", (event) => { event.preventDefault(); chooser.click(); });
  drop?.querySelector("input[type=file]").removeAttribute("required");
})();
