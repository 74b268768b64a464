// Every page in every size and colour: nothing sticks out, and an accessibility engine finds nothing.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fill, pages } from "../places.mjs";

const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

export async function nothing_sticks_out_at_360_pixels({ grid, profile }) {
  await fill(grid);
  const page = await profile({ viewport: { width: 360, height: 740 } });
  for (const [name, path] of pages) {
    await page.goto(grid.url + path);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${name} is ${wide} pixels wide`);
  }
}

async function audit(page, name, found) {
  const result = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
    return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`) }));
  });
  for (const one of result) found.push({ name, ...one });
}

export async function axe_finds_nothing_serious({ grid, profile }) {
  await fill(grid);
  const found = [];
  for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "light", viewport: { width: 360, height: 740 } }]) {
    const page = await profile({ ...options, reducedMotion: "reduce" });
    // The engine is put in by the debugger, past the page's own policy.
    await page.addInitScript(axe);
    for (const [name, path] of pages) {
      if (name === "pdf") continue;
      await page.goto(grid.url + path);
      await audit(page, `${name} ${options.colorScheme}`, found);
    }
    await page.goto(`${grid.url}/vdrive/private/lake.png?t=info`);
    await page.click("text=Check it now");
    await page.waitForSelector(".shares");
    await audit(page, `checked ${options.colorScheme}`, found);
    await page.goto(`${grid.url}/vdrive/private`);
    await page.check("[aria-label='Select letter.txt']");
    await audit(page, `selection ${options.colorScheme}`, found);
    await page.keyboard.press("Delete");
    await page.waitForSelector("text=“letter.txt” is deleted.");
    await audit(page, `undo ${options.colorScheme}`, found);
    await page.click("text=Undo");
    await page.waitForSelector(".row:has-text('letter.txt')");
    await page.click(".row:has-text('letter.txt') [data-more]");
    await audit(page, `menu ${options.colorScheme}`, found);
    await page.keyboard.press("Escape");
    await page.click("[data-do=share]");
    await page.waitForSelector("dialog[open]");
    await audit(page, `dialog ${options.colorScheme}`, found);
    await page.keyboard.press("Escape");
    await page.setInputFiles("[data-chooser]", [{ name: "axe.txt", mimeType: "text/plain", buffer: Buffer.from("x") }]);
    await page.waitForSelector(".queue li.done, .queue li.failed");
    await audit(page, `queue ${options.colorScheme}`, found);
  }
  const friend = await profile({ reducedMotion: "reduce" }, false);
  await friend.addInitScript(axe);
  for (const path of ["/", "/vdrive/private", "/deleted"]) {
    await friend.goto(grid.url + path);
    await audit(friend, `locked ${path}`, found);
  }
  const { url, login, end } = await grid.run(`alone-${Date.now()}`);
  await friend.goto(await login());
  await friend.waitForURL(`${url}/`);
  await audit(friend, "join", found);
  assert.ok(await friend.evaluate(() => document.documentElement.scrollWidth) <= 1280);
  await friend.setViewportSize({ width: 360, height: 740 });
  assert.ok(await friend.evaluate(() => document.documentElement.scrollWidth) <= 360, "join sticks out");
  await end();
  const serious = found.filter((one) => ["serious", "critical"].includes(one.impact));
  const minor = [...new Set(found.filter((one) => !serious.includes(one)).map((one) => `${one.id} (${one.name})`))];
  console.log(`   axe: ${serious.length} serious or critical, ${minor.length} lesser${minor.length ? `: ${minor.join(", ")}` : ""}`);
  assert.equal(serious.length, 0, JSON.stringify(serious, null, 1));
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
