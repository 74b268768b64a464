// What all pages share: dialogs, copying, times in words, the key for help. Every dialog is a page
// of its own; here its sheet is fetched and shown over the page that asked for it.
"use strict";
const tahoe = { here: location.href };

// A capability does not stay in the address bar, nor in what the browser remembers or sends to
// others' screens: the tab keeps it, and the address leads back to it in this tab alone.
if (/^\/(uri|cap|file|named)\/./.test(location.pathname) || /URI(:|%(25)*3A)/i.test(tahoe.here)) {
  try {
    let n = 0;
    while (![null, tahoe.here].includes(sessionStorage.getItem(`open ${n}`))) n += 1;
    sessionStorage.setItem(`open ${n}`, tahoe.here);
    history.replaceState(null, "", `/open?n=${n}`);
  } catch { /* it stays */ }
}

tahoe.say = (text) => {
  const place = document.getElementById("announce");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
};

tahoe.icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
};

tahoe.make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

tahoe.size = (bytes) => {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return unit === 0 ? `${bytes} B` : `${bytes.toFixed(bytes < 9.95 ? 1 : 0).replace(".0", "")} ${units[unit]}`;
};

tahoe.typing = (event) => {
  const on = event.target;
  return event.ctrlKey || event.metaKey || event.altKey
    || (on instanceof HTMLElement && (on.isContentEditable
      || on.matches("textarea, select, input:not([type=checkbox]):not([type=file])")));
};

// The open dialog, or none. One at a time; a link inside shows its page in the same one.
tahoe.dialog = null;

tahoe.closeDialog = () => { if (tahoe.dialog) tahoe.dialog.close(); };

tahoe.showSheet = (sheet) => {
  // One that was closed is gone, though it may not have been told yet.
  if (!tahoe.dialog?.open) {
    const before = document.activeElement;
    const dialog = tahoe.make("dialog");
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (tahoe.dialog !== dialog) return;
      tahoe.dialog = null;
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    tahoe.dialog = dialog;
  }
  tahoe.dialog.replaceChildren(sheet);
  const title = sheet.querySelector("h1");
  if (title) {
    title.id = "dialog-title";
    tahoe.dialog.setAttribute("aria-labelledby", "dialog-title");
  }
  if (!tahoe.dialog.open) tahoe.dialog.showModal();
  const field = sheet.querySelector("[autofocus]");
  if (field) {
    field.focus();
    const end = field.value.lastIndexOf(".");
    field.setSelectionRange(0, end > 0 ? end : field.value.length);
  }
};

// `fields` are posted, for what is too long for an address.
tahoe.openDialog = async (address, fields) => {
  try {
    const how = fields ? { method: "POST", body: fields } : {};
    const response = await fetch(address, { ...how, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const sheet = page.querySelector("[data-sheet]");
    if (!response.ok || !sheet) throw new Error("no sheet");
    tahoe.showSheet(document.importNode(sheet, true));
  } catch {
    if (!fields) { location.href = address; return; }
    const form = tahoe.make("form", { method: "post", action: address, hidden: true }, ...[...fields].map(([name, value]) => tahoe.make("input", { type: "hidden", name, value })));
    document.body.append(form);
    form.submit();
  }
};

document.addEventListener("click", async (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const on = event.target.closest("a, button");
  if (!on) return;
  if (on.matches("[data-close]") && tahoe.dialog) {
    event.preventDefault();
    tahoe.closeDialog();
  } else if (on.matches("button[data-dialog]")) {
    event.preventDefault();
    tahoe.openDialog(on.form.action, new URLSearchParams([...new FormData(on.form), [on.name, on.value]]));
  } else if (on.matches("a[data-dialog]")) {
    event.preventDefault();
    tahoe.openDialog(on.href);
  } else if (on.matches("[data-copy]")) {
    const field = document.getElementById(on.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.select();
      document.execCommand("copy");
    }
    const word = on.querySelector("span");
    word.textContent = "Copied";
    tahoe.say("Copied");
    setTimeout(() => { word.textContent = "Copy"; }, 2000);
  }
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches("input.cap")) event.target.select();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "?" && !tahoe.typing(event) && !tahoe.dialog?.open) {
    event.preventDefault();
    tahoe.openDialog("/help");
  }
});

// Furls that are dropped, or chosen, as files.
for (const form of document.querySelectorAll("[data-furls]")) {
  const take = async (files) => {
    const read = [];
    for (const file of files) {
      const whose = /vdrive/i.test(file.name) ? "vdrive" : "furl";
      form.elements[whose].value = (await file.slice(0, 10000).text()).trim();
      read.push(file.name);
    }
    if (read.length) tahoe.say(`Read: ${read.join(", ")}`);
  };
  const chooser = form.querySelector("[data-furl-files]");
  chooser.addEventListener("change", () => take(chooser.files));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

// A file that misses its place must not take the page's.
for (const kind of ["dragover", "drop"]) {
  addEventListener(kind, (event) => {
    if (!event.target.closest?.("input[type=file], textarea") && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

// Times as this reader's clock has them.
tahoe.when = (() => {
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const known = new Map();
  return (seconds) => {
    const minute = Math.floor(seconds / 60);
    if (!known.has(minute)) {
      const date = new Date(seconds * 1000);
      known.set(minute, date.toDateString() === new Date().toDateString() ? `today, ${hour.format(date)}` : day.format(date));
    }
    return known.get(minute);
  };
})();
