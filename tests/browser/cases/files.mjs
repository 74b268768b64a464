// The files page: by mouse, by keyboard, by drop.
import { strict as assert } from "node:assert";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { becomes } from "../becomes.mjs";

const names = (page) => page.$$eval(".rows .row:not([hidden])", (rows) => rows.map((row) => row.dataset.n));

async function folder(world, name, files = []) {
  const at = `/vdrive/private/${name}`;
  await world.grid.ask(`${at}?t=mkdir`, { method: "POST" });
  for (const [file, body] of files) await world.grid.put(`${at}/${encodeURIComponent(file)}`, body);
  const page = await world.profile();
  await page.goto(world.grid.url + at);
  return page;
}

export async function everything_is_done_with_keys(world) {
  const page = await folder(world, "keys", [["a.txt", "a"], ["b.txt", "bb"], ["c.txt", "ccc"]]);
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "a.txt");
  await page.keyboard.press("End");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "c.txt");
  await page.keyboard.press("Home");
  await page.keyboard.press("F2");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.type("renamed");
  await page.keyboard.press("Enter");
  await page.waitForSelector("a:has-text('renamed.txt')");
  await page.keyboard.press("n");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.type("sub");
  await page.keyboard.press("Enter");
  await page.waitForSelector("a:has-text('sub')");
  await becomes(() => names(page), ["sub", "b.txt", "c.txt", "renamed.txt"]);
  await page.keyboard.press("/");
  await page.keyboard.type("ren");
  await becomes(() => names(page), ["renamed.txt"]);
  await page.keyboard.press("Escape");
  await becomes(() => names(page).then((all) => all.length), 4);
  await page.keyboard.press("End");
  await page.keyboard.press("Shift+ArrowUp");
  assert.equal(await page.textContent("[data-count]"), "2 selected");
  await page.keyboard.press("Delete");
  await page.waitForSelector("text=2 items are deleted.");
  await becomes(() => names(page), ["sub", "b.txt"]);
  for (let i = 0; i < 40 && !/Undo/.test(await page.evaluate(() => document.activeElement.textContent)) || i === 0; i += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("a:has-text('renamed.txt')");
  await becomes(() => names(page), ["sub", "b.txt", "c.txt", "renamed.txt"]);
  await page.keyboard.press("Control+a");
  assert.equal(await page.textContent("[data-count]"), "4 selected");
  await page.keyboard.press("Escape");
  await page.keyboard.press("v");
  await page.waitForSelector(".listing.tiles");
  await page.keyboard.press("v");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog >> text=go through the files");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/keys/sub");
  await page.keyboard.press("Backspace");
  await page.waitForURL("**/keys");
}

export async function sorting_and_the_menu(world) {
  const page = await folder(world, "sorting", [["big.txt", "x".repeat(5000)], ["small.txt", "x"], ["file10.txt", "xx"], ["file9.txt", "xxx"]]);
  await page.click("[data-sort=size]");
  await becomes(() => names(page), ["small.txt", "file10.txt", "file9.txt", "big.txt"]);
  await page.click("[data-sort=size]");
  await becomes(() => names(page), ["big.txt", "file9.txt", "file10.txt", "small.txt"]);
  await page.click("[data-sort=name]");
  await becomes(() => names(page), ["big.txt", "file9.txt", "file10.txt", "small.txt"]);
  await page.click(".row:has-text('small.txt') [data-more]");
  await page.waitForSelector("[role=menu]");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Open");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Delete");
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=“small.txt” is deleted.");
  await page.goto(`${world.grid.url}/deleted`);
  const row = page.locator("li:has-text('small.txt')");
  assert.match(await row.textContent(), /Private drive › sorting/);
  await row.locator("text=Put back").click();
  await page.waitForURL("**/sorting");
  await becomes(() => names(page).then((all) => all.includes("small.txt")), true);
}

export async function moving_and_copying(world) {
  const page = await folder(world, "moving", [["a.txt", "a"], ["b.txt", "b"]]);
  await world.grid.ask("/vdrive/private/moving/inner?t=mkdir", { method: "POST" });
  await page.reload();
  await page.check("[aria-label='Select a.txt']");
  await page.click("text=Move or copy");
  await page.waitForSelector("dialog >> text=“a.txt” goes there");
  assert.ok(await page.isDisabled("dialog >> text=Move here"));
  await page.click("dialog >> button:has-text('inner')");
  await page.waitForSelector("dialog >> text=There is no folder in here");
  await page.click("dialog >> text=Move here");
  await becomes(() => names(page), ["inner", "b.txt"]);
  await page.check("[aria-label='Select b.txt']");
  await page.click("text=Move or copy");
  await page.click("dialog >> text=Copy here");
  await page.waitForSelector("a:has-text('b (copy).txt')");
  await page.click("a:has-text('inner')");
  await page.waitForSelector("a:has-text('a.txt')");
}

export async function a_folder_is_chosen_and_a_long_queue_is_not_dropped_unasked(world) {
  const page = await folder(world, "choosing");
  const tree = join(mkdtempSync(join(tmpdir(), "chosen-")), "trip");
  mkdirSync(join(tree, "deep"), { recursive: true });
  for (let i = 0; i < 30; i += 1) writeFileSync(join(tree, i % 2 ? "deep" : ".", `${i}.txt`), `number ${i} `.repeat(50));
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("[data-do=upload-folder]")]);
  await chooser.setFiles(tree);
  await page.waitForSelector(".queue h2:has-text('30 files stored')");
  assert.match(await page.textContent(".queue-total"), /Everything is stored/);
  const answer = await world.grid.ask("/vdrive/private/choosing/trip/deep/29.txt");
  assert.match(await answer.text(), /^number 29/);
  // A second batch has a rate of its own; closing asks while something is on its way.
  await page.route("**/slow.bin?*", () => {});
  await page.setInputFiles("[data-chooser]", [{ name: "slow.bin", mimeType: "x/y", buffer: Buffer.alloc(100) }]);
  await page.waitForSelector(".queue h2:has-text('Storing')");
  assert.ok(!/min left/.test(await page.textContent(".queue-total")));
  let asked = 0;
  let answerWith = false;
  page.on("dialog", (dialog) => { asked += 1; if (answerWith) dialog.accept(); else dialog.dismiss(); });
  await page.click("[aria-label='Close the list of uploads']");
  assert.ok(asked === 1 && await page.isVisible(".queue"));
  answerWith = true;
  await page.click("[aria-label='Close the list of uploads']");
  await page.waitForSelector(".queue", { state: "detached" });
  rmSync(join(tree, ".."), { recursive: true });
}

export async function many_are_moved_at_once(world) {
  const children = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`a rather long name of a file, number ${i}.txt`, ["filenode", { ro_uri: "URI:LIT:nbswy3dp" }]]));
  await world.grid.ask("/vdrive/private/lots?t=mkdir-with-children", { method: "POST", body: JSON.stringify(children) });
  await world.grid.ask("/vdrive/private/lots/inner?t=mkdir", { method: "POST" });
  const page = await world.profile();
  await page.goto(`${world.grid.url}/vdrive/private/lots`);
  await page.fill("[data-filter]", "rather");
  await page.click("[data-all]");
  await page.click("text=Move or copy");
  await page.waitForSelector("dialog >> text=600 items go");
  await page.click("dialog >> button:has-text('inner')");
  await page.click("dialog >> text=Move here");
  await becomes(() => names(page), ["inner"]);
}

/// A folder as a drop brings it; a script cannot make a real one.
const dropped = `(() => {
  const file = (name, text) => ({ isFile: true, name, file: (good) => good(new File([text], name)) });
  const dir = (name, children) => ({ isFile: false, name, createReader: () => { let left = [children, []]; return { readEntries: (good) => good(left.shift()) }; } });
  const tree = dir("trip", [file("one.txt", "1".repeat(2000)), dir("deep", [file("two.txt", "2".repeat(300000))]), file("three.txt", "")]);
  const event = new Event("drop", { cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items: [{ webkitGetAsEntry: () => tree }], files: [] } });
  dispatchEvent(event);
})()`;

export async function a_folder_is_dropped_and_stored_with_progress(world) {
  const page = await folder(world, "dropping");
  await page.waitForSelector("text=This folder is empty");
  // What the bar says on the way.
  await page.evaluate(() => {
    window.__bars = [];
    new MutationObserver(() => { const bar = document.querySelector(".queue > progress"); if (bar) window.__bars.push(bar.value); }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  await page.evaluate(dropped);
  await page.waitForSelector(".queue .done >> nth=2");
  await page.waitForSelector(".queue h2:has-text('3 files stored')");
  const bars = await page.evaluate(() => window.__bars);
  assert.ok(bars.at(-1) === 1 && bars.some((value) => value < 1), "no progress showed");
  await page.waitForSelector(".rows a:has-text('trip')");
  await page.click("[aria-label='Close the list of uploads']");
  await page.click(".rows a:has-text('trip')");
  await page.waitForURL("**/dropping/trip");
  await becomes(() => names(page), ["deep", "one.txt", "three.txt"]);
  const answer = await world.grid.ask("/vdrive/private/dropping/trip/deep/two.txt");
  assert.equal((await answer.text()).length, 300000);
}

export async function uploads_ask_before_they_replace_and_can_be_cancelled(world) {
  const page = await folder(world, "asking", [["same.txt", "old"]]);
  const same = { name: "same.txt", mimeType: "text/plain", buffer: Buffer.from("new") };
  await page.setInputFiles("[data-chooser]", [same]);
  await page.waitForSelector("text=There is a file of that name");
  await page.click(".queue [aria-label^='Keep both']");
  await page.waitForSelector(".queue .done");
  assert.equal(await (await world.grid.ask("/vdrive/private/asking/same.txt")).text(), "old");
  assert.equal(await (await world.grid.ask("/vdrive/private/asking/same%20(2).txt")).text(), "new");
  await page.route("**/slow.bin?*", () => {});
  await page.setInputFiles("[data-chooser]", [{ name: "slow.bin", mimeType: "x/y", buffer: Buffer.alloc(100) }]);
  await page.click("[aria-label='Cancel slow.bin']");
  await page.waitForSelector("text=Cancelled");
  await page.unroute("**/slow.bin?*");
  await page.click("[aria-label='Retry slow.bin']");
  await page.waitForSelector(".queue .done >> nth=1");
}

export async function a_slow_upload_says_how_fast_and_how_long(world) {
  const page = await folder(world, "slowly");
  const network = await page.context().newCDPSession(page);
  const speed = (bytes) => network.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
  await speed(200_000);
  await page.setInputFiles("[data-chooser]", [{ name: "film.bin", mimeType: "x/y", buffer: Buffer.alloc(4_000_000, 3) }]);
  const total = page.locator(".queue-total", { hasText: /^[\d.]+ [kM]B of 4 MB, [\d.]+ [kM]B\/s, [1-9]\d* s left to send$/ });
  await total.waitFor();
  assert.match(await page.textContent(".queue h2"), /Storing 1 file/);
  assert.match(await page.textContent(".queue li .said"), /^[\d.]+ [kM]B of 4 MB$/);
  const gone = await page.$eval(".queue li progress", (bar) => bar.value);
  assert.ok(gone > 0 && gone < 1, `${gone}`);
  await page.click("[aria-label='Cancel film.bin']");
  await page.waitForSelector(".queue h2:has-text('1 not stored')");
  assert.equal((await world.grid.ask("/vdrive/private/slowly/film.bin")).status, 404);
  await speed(-1);
  const texts = await said(page);
  await page.click("[aria-label='Retry film.bin']");
  await page.waitForSelector("text=Stored on 10 of 10 servers");
  assert.match(await page.textContent(".queue-total"), /Everything is stored/);
  // The node spreads what it has: no time is told then.
  const all = await texts();
  assert.ok(all.some((text) => text.startsWith("All sent; the node is spreading")), all.join("\n"));
  assert.ok(!all.some((text) => / 0 s left/.test(text)), all.join("\n"));
}

/// Notes what is said of the whole queue from now on.
async function said(page) {
  await page.evaluate(() => {
    window.__said = [];
    new MutationObserver(() => { const total = document.querySelector(".queue-total"); if (total) window.__said.push(total.textContent); }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  return () => page.evaluate(() => window.__said);
}

/// Drops a folder of two files that shows the second, and its end, when it is let to.
const slowly_read = `(() => {
  const gate = new Promise((open) => { window.__open = open; });
  const file = (name, how) => ({ isFile: true, name, file: how });
  const good = (name) => file(name, (good) => good(new File(["x".repeat(500)], name)));
  let broken = true;
  const bad = file("gone.txt", (good, bad) => broken ? bad(new Error("it is not there")) : good(new File(["back"], "gone.txt")));
  window.__mend = () => { broken = false; };
  const steps = [[good("first.txt"), bad], [good("second.txt")], []];
  const reader = { readEntries: async (good) => { if (steps.length === 2) await gate; good(steps.shift()); } };
  const tree = { isFile: false, name: "slow", createReader: () => reader };
  const event = new Event("drop", { cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items: [{ webkitGetAsEntry: () => tree }], files: [] } });
  dispatchEvent(event);
})()`;

export async function nothing_is_called_stored_while_a_folder_is_read(world) {
  const page = await folder(world, "reading");
  const texts = await said(page);
  const may_leave = () => page.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true })));
  await page.evaluate(slowly_read);
  await page.waitForSelector(".queue .done:has-text('slow/first.txt')");
  await page.waitForSelector(".queue .failed:has-text('it is not there')");
  assert.match(await page.textContent(".queue h2"), /^Storing 2 files so far$/);
  assert.match(await page.textContent(".queue-total"), /^500 B of 500 B; the folder is still being read$/);
  assert.equal(await may_leave(), false);
  await page.evaluate(() => window.__open());
  await page.waitForSelector(".queue .done:has-text('slow/second.txt')");
  await page.waitForSelector(".queue h2:has-text('1 not stored')");
  assert.ok(!(await texts()).some((text) => text.includes("Everything is stored")));
  assert.equal(await may_leave(), true);
  // What could not be read can be tried again.
  await page.evaluate(() => window.__mend());
  await page.click("[aria-label='Retry slow/gone.txt']");
  await page.waitForSelector(".queue h2:has-text('3 files stored')");
  assert.equal(await page.textContent(".queue-total"), "Everything is stored.");
  assert.equal(await (await world.grid.ask("/vdrive/private/reading/slow/gone.txt")).text(), "back");
}

export async function a_list_that_is_closed_reads_no_more(world) {
  const page = await folder(world, "closing");
  page.on("dialog", (dialog) => dialog.accept());
  await page.evaluate(slowly_read);
  await page.waitForSelector(".queue .done:has-text('slow/first.txt')");
  await page.click("[aria-label='Close the list of uploads']");
  await page.waitForSelector(".queue", { state: "detached" });
  await page.evaluate(() => window.__open());
  await page.setInputFiles("[data-chooser]", [{ name: "next.txt", mimeType: "text/plain", buffer: Buffer.from("next") }]);
  await page.waitForSelector(".queue h2:has-text('1 file stored')");
  assert.equal((await world.grid.ask("/vdrive/private/closing/slow/second.txt")).status, 404);
}

export async function other_drives_stand_beside_the_way_to_a_folder(world) {
  const page = await folder(world, "mover", [["a.txt", "a"]]);
  await page.click("[data-all]");
  await page.click("text=Move or copy");
  const way = page.locator("dialog .pick-path").first();
  await way.waitFor();
  const [first, ...rest] = await way.locator("button").allTextContents();
  assert.deepEqual([first, rest], ["Private drive", ["mover"]]);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), first);
  await page.click("dialog >> text=Or on another drive >> button:has-text('Global drive')");
  await page.waitForSelector("dialog .pick-path >> nth=0 >> text=Global drive");
  assert.deepEqual(await way.locator("button").allTextContents(), ["Global drive"]);
}

export async function ten_thousand_entries_are_quick(world) {
  const children = {};
  for (let i = 0; i < 10_000; i += 1) children[`entry ${String(i).padStart(5, "0")}.txt`] = ["filenode", { ro_uri: "URI:LIT:nbswy3dp" }];
  const made = await world.grid.ask("/vdrive/private/many?t=mkdir-with-children", { method: "POST", body: JSON.stringify(children) });
  assert.ok(made.ok, await made.text());
  const page = await world.profile();
  const began = Date.now();
  await page.goto(`${world.grid.url}/vdrive/private/many`);
  const loaded = Date.now() - began;
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  const frames = await page.evaluate(() => new Promise((done) => {
    const times = [];
    let last = performance.now();
    const step = (now) => {
      times.push(now - last);
      last = now;
      scrollBy(0, 400);
      if (times.length < 90) requestAnimationFrame(step); else done(times.slice(5).sort((a, b) => a - b));
    };
    requestAnimationFrame(step);
  }));
  const sorting = await page.evaluate(() => { const at = performance.now(); document.querySelector("[data-sort=name]").click(); return performance.now() - at; });
  console.log(`   10,000 entries: ${loaded} ms until loaded, first paint ${paint.toFixed(0)} ms, frames: median ${frames[42].toFixed(0)} ms, 95 % ${frames[80].toFixed(0)} ms, sorting ${sorting.toFixed(0)} ms`);
  world.figures.push(`10,000 entries: ${frames[80].toFixed(0)} ms a frame (95 %)`);
  assert.ok(frames[80] < 34 * world.slack, "scrolling is not smooth");
}

export async function a_name_that_leads_elsewhere_is_not_shown_from_memory(world) {
  const page = await folder(world, "replaced", [["a.txt", "first"]]);
  const at = `${world.grid.url}/vdrive/private/replaced/a.txt`;
  await page.goto(at);
  assert.equal(await page.textContent("body"), "first");
  await world.grid.put("/vdrive/private/replaced/a.txt", "second");
  await page.goto(`${at}?t=view`);
  await page.goto(at);
  assert.equal(await page.textContent("body"), "second");
}
