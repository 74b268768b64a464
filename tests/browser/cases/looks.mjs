// Every page in every size and colour: nothing sticks out, an accessibility engine finds nothing, and
// a picture is kept for somebody to look at.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fill, pages, states } from "../places.mjs";

const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

async function audit(page, name, found) {
  const result = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
    return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`) }));
  });
  for (const one of result) found.push({ name, ...one });
}

/// Goes to every page and everything that pages become, as the owner, as a stranger, and on a node
/// without a grid; `look` is called at each.
async function everywhere({ grid, profile }, options, look) {
  // The engine is put in by the debugger, past the page's own policy.
  const open = async (owner) => {
    const page = await profile({ ...options, reducedMotion: "reduce" }, owner);
    await page.addInitScript(axe);
    return page;
  };
  const page = await open(true);
  for (const [name, path] of await pages(grid)) {
    await page.goto(grid.url + path);
    await look(page, name);
  }
  for (const [name, reach] of states) {
    await reach(page, grid.url);
    await look(page, name);
  }
  const friend = await open(false);
  for (const [name, path] of [["locked", "/"], ["refused", "/vdrive/private"], ["deleted-locked", "/deleted"]]) {
    await friend.goto(grid.url + path);
    await look(friend, name);
  }
  await friend.goto(grid.url);
  await friend.setInputFiles("input[type=file]", { name: "a.bin", mimeType: "x/y", buffer: Buffer.alloc(2_000, 9) });
  await friend.click("text=Store it");
  await friend.waitForURL("**/uri");
  await look(friend, "stored");
  const { url, login, end } = await grid.run(`alone-${Date.now()}`);
  await friend.goto(url);
  await look(friend, "join-locked");
  await friend.goto(await login());
  await friend.waitForURL(`${url}/`);
  await look(friend, "join");
  await friend.fill("[name=furl]", "pb://nonsense");
  await friend.click("text=Join the grid");
  await look(friend, "join-refused");
  await friend.fill("[name=furl]", grid.introducer);
  await friend.click("text=Join the grid");
  await friend.waitForSelector("h1:has-text('Joined')");
  await look(friend, "joined");
  await end();
  const other = await grid.runIntroducer(`introducer-${Date.now()}`);
  await friend.goto(other.url);
  await look(friend, "introducer");
  const { end: leave } = await grid.run(`member-${Date.now()}`, other.furl);
  await friend.goto(other.url);
  await look(friend, "introducer-followed");
  await leave();
  await other.end();
}

export async function every_page_in_every_size_and_colour(world) {
  const found = [];
  const wide = [];
  let looked = 0;
  for (const [width, height] of [[1280, 850], [360, 740]]) {
    await everywhere(world, { viewport: { width, height } }, async (page, name) => {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const needs = await page.evaluate(() => document.documentElement.scrollWidth);
        if (needs > width) wide.push(`${name} is ${needs} of ${width} pixels wide`);
        // What is within the frame of a PDF is the browser's own.
        if (name !== "pdf") await audit(page, `${name} ${colorScheme} ${width}`, found);
        await page.screenshot({ path: join(world.artefacts, `${name}-${width}-${colorScheme}.png`) });
        looked += 1;
      }
    });
  }
  world.complaints.length = 0;
  const serious = found.filter((one) => ["serious", "critical"].includes(one.impact));
  const lesser = [...new Set(found.filter((one) => !serious.includes(one)).map((one) => `${one.id} (${one.name})`))];
  console.log(`   axe: ${serious.length} serious or critical, ${lesser.length} lesser${lesser.length ? `: ${lesser.join(", ")}` : ""}`);
  world.figures.push(`${looked} looks at pages: ${serious.length} serious findings`);
  assert.deepEqual(wide, []);
  assert.equal(serious.length, 0, JSON.stringify(serious, null, 1));
}

/// A system may have other fonts than those that the pages were made with.
export async function no_page_sticks_out_with_another_font({ grid, with_one_font, complaints }) {
  const wide = [];
  await with_one_font((profile) => everywhere({ grid, profile }, { viewport: { width: 360, height: 740 } }, async (page, name) => {
    const needs = await page.evaluate(() => document.documentElement.scrollWidth);
    if (needs > 360) wide.push(`${name} is ${needs} of 360 pixels wide`);
  }));
  complaints.length = 0;
  assert.deepEqual(wide, []);
}

/// Everything that can be used on a page is reached by Tab alone, and one sees where one is.
async function tabThrough(page, within) {
  const wanted = await page.$$eval(`${within} :is(a[href], button:not([disabled]), input:not([type=hidden]), textarea, summary)`, (all) => {
    const seen = all.filter((one) => one.checkVisibility() && one.tabIndex >= 0);
    seen.forEach((one, index) => { one.dataset.tab = index; });
    return seen.length;
  });
  const reached = new Set();
  for (let i = 0; i < wanted + 40 && reached.size < wanted; i += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      const style = getComputedStyle(one);
      return { tab: one.dataset.tab, shown: style.outlineStyle !== "none" || style.boxShadow !== "none" || one.type === "file" };
    });
    if (at.tab === undefined) continue;
    assert.ok(at.shown, `nothing shows where the focus is: ${at.tab} within ${within}`);
    reached.add(at.tab);
  }
  assert.equal(reached.size, wanted, `${wanted - reached.size} of ${wanted} are not reached by Tab`);
  return wanted;
}

export async function tab_alone_reaches_everything({ grid, profile, figures }) {
  await fill(grid);
  const page = await profile();
  let total = 0;
  for (const path of ["/", "/vdrive/private/Photos?t=share", "/vdrive/private?t=upload-form", "/provisioning", "/vdrive/private/lake.png?t=info", "/deleted"]) {
    await page.goto(grid.url + path);
    total += await tabThrough(page, "main");
  }
  const { url, login, end } = await grid.run("tabbed");
  await page.goto(await login());
  await page.waitForURL(`${url}/`);
  total += await tabThrough(page, "main");
  await end();
  figures.push(`${total} controls reached by Tab alone`);
}

export async function reduced_motion_moves_nothing({ grid, profile }) {
  const page = await profile({ reducedMotion: "reduce" });
  await page.goto(`${grid.url}/vdrive/private`);
  await page.click("[data-do=share]");
  await page.waitForSelector("dialog[open]");
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
}
