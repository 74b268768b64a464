// The pages about the node, and refusals.
import { strict as assert } from "node:assert";

export async function the_grid_and_planning({ grid, profile }) {
  const page = await profile();
  await page.goto(`${grid.url}/grid`);
  assert.ok(await page.locator(".servers tbody tr").count() >= 10);
  await page.waitForSelector("text=it survives the loss of any 7");
  await page.click("text=Plan with these numbers");
  assert.equal(await page.inputValue("[name=k]"), "3");
  await page.fill("[name=k]", "5");
  await page.click("text=Work it out");
  await page.waitForSelector("text=survives the loss of any 5");
  assert.equal(await page.locator(".chart .bar.chosen").count(), 1);
  await page.goto(`${grid.url}/provisioning?k=9&n=3`);
  await page.waitForSelector("text=It must be 1 ≤ needed");
}

export async function activity_is_live({ grid, profile }) {
  const page = await profile();
  await page.goto(`${grid.url}/status`);
  await page.waitForSelector("[data-live]:has-text('live')");
  const before = await page.textContent("[data-recent]");
  await grid.put("/uri", Buffer.alloc(123_456, Date.now() % 256));
  await page.waitForFunction((text) => document.querySelector("[data-recent]").textContent !== text && /Stored 123 kB/.test(document.querySelector("[data-recent]").textContent), before);
}

export async function a_transfer_has_a_page({ grid, profile }) {
  const cap = await grid.put("/uri", Buffer.alloc(234_567, 3 + (Date.now() % 200)));
  const page = await profile();
  await page.goto(`${grid.url}/status`);
  const row = page.locator("[data-recent] li:has-text('Stored 235 kB')").first();
  const name = await row.locator("a").textContent();
  assert.match(name, /^up-\d+$/);
  await row.locator("a").click();
  await page.waitForURL(`**/status/${name}`);
  assert.equal(await page.textContent("h1"), "Transfer");
  assert.equal(await page.locator(".transfers li").count(), 1);
  assert.match(await page.textContent(".transfers"), /Stored 235 kB/);
  assert.match(await page.textContent(".transfers"), /Finished/);
  const { "storage-index": index } = await (await grid.ask(`/uri/${encodeURIComponent(cap)}?t=check&output=JSON`, { method: "POST" })).json();
  assert.equal(await page.textContent(".transfers code"), index);
  await page.click("text=All transfers");
  await page.waitForURL("**/status");
  const gone = await page.goto(`${grid.url}/status/up-999999`);
  assert.equal(gone.status(), 404);
  await page.waitForSelector("text=not remembered any more");
}

export async function the_grid_says_how_full_its_servers_are({ grid, profile }) {
  await grid.put("/uri", Buffer.alloc(300_000, 1));
  const page = await profile();
  await page.goto(`${grid.url}/grid`);
  const words = await page.$$eval(".servers .space", (cells) => cells.map((cell) => cell.textContent));
  assert.ok(words.length >= 10 && words.every((text) => /\d [kMG]?B used, \d+(\.\d)? [MGTPE]B left/.test(text)), words.join("; "));
  assert.ok(await page.locator(".servers .space meter[aria-label$='percent full']").count() >= 10);
  assert.match(await page.textContent(".figures"), /left on all servers, [\d.]+ [kMG]B used/);
}

export async function refusals_say_what_to_do({ grid, profile }) {
  const page = await profile();
  for (const [path, status, words] of [
    ["/nowhere", 404, "There is nothing here"],
    ["/vdrive/private/no%20such", 404, "Nothing is called “no such” here"],
    ["/vdrive/private/no%20such", 404, "It may have been renamed, moved or deleted"],
    ["/uri/URI:nonsense?t=view", 400, "That was not understood"],
    ["/vdrive/private?t=pony", 400, "That was not understood"],
  ]) {
    const answer = await page.goto(grid.url + path);
    assert.equal(answer.status(), status, path);
    await page.waitForSelector(`text=${words}`);
    await page.waitForSelector("text=To the start");
    assert.ok(!(await page.title()).includes("URI:"));
  }
  // What is missing may be there a moment later, or among what was deleted.
  const late = `/vdrive/private/late-${Date.now()}.txt`;
  await page.goto(`${grid.url}${late}?t=view`);
  await page.click("a:has-text('What was deleted')");
  await page.waitForURL("**/deleted");
  await page.goto(`${grid.url}${late}?t=view`);
  await grid.put(late, "here it is");
  await page.click("a:has-text('Try again')");
  assert.equal(await page.textContent("pre.paper"), "here it is");
  await page.goto(`${grid.url}/vdrive/private/a/b`);
  await page.click("text=To the folder above");
  const answer = await fetch(`${grid.url}/nowhere`);
  assert.match(answer.headers.get("content-type"), /text\/plain/);
}

export async function first_paint_is_soon({ grid, profile, figures, slack }) {
  const page = await profile();
  const paints = [];
  for (let i = 0; i < 5; i += 1) {
    for (const path of ["/", "/vdrive/private", "/grid"]) {
      await page.goto(grid.url + path);
      paints.push(await page.evaluate(() => new Promise((done) => {
        const look = () => { const [entry] = performance.getEntriesByName("first-contentful-paint"); if (entry) done(entry.startTime); else requestAnimationFrame(look); };
        look();
      })));
    }
  }
  paints.sort((a, b) => a - b);
  figures.push(`first paint ${paints[7].toFixed(0)} ms (median of 15; slowest ${paints[14].toFixed(0)})`);
  assert.ok(paints[7] < 100 * slack, `the first paint takes ${paints[7].toFixed(0)} ms`);
}
