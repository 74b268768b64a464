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
    await page.goto(`${grid.url}/vdrive/private`);
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
  const serious = found.filter((one) => ["serious", "critical"].includes(one.impact));
  const minor = [...new Set(found.filter((one) => !serious.includes(one)).map((one) => `${one.id} (${one.name})`))];
  console.log(`   axe: ${serious.length} serious or critical, ${minor.length} lesser${minor.length ? `: ${minor.join(", ")}` : ""}`);
  assert.equal(serious.length, 0, JSON.stringify(serious, null, 1));
}

export async function reduced_motion_moves_nothing({ grid, profile }) {
  const page = await profile({ reducedMotion: "reduce" });
  await page.goto(`${grid.url}/vdrive/private`);
  await page.click("[data-do=share]");
  await page.waitForSelector("dialog[open]");
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
}
