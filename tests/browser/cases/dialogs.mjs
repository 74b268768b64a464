// Sharing, attaching, joining, details.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { line } from "../grid.mjs";
import { fill } from "../places.mjs";

export async function a_shared_folder_is_attached_by_pasting({ grid, profile }) {
  await fill(grid);
  const page = await profile();
  await page.goto(`${grid.url}/vdrive/private/Documents`);
  await page.click("[data-do=share]");
  await page.waitForSelector("dialog[open]");
  const caps = await page.$$eval("dialog input.cap", (fields) => fields.map((field) => field.value));
  assert.deepEqual(caps.map((cap) => cap.split(":")[1]), ["DIR-RO", "DIR", "DIR-Verifier"]);
  await page.keyboard.press("Escape");
  await page.goto(`${grid.url}/vdrive/private`);
  await page.click("[data-do=attach]");
  await page.fill("dialog [name=uri]", caps[0]);
  await page.fill("dialog [name=name]", "From a friend");
  await page.click("dialog >> text=Attach it");
  await page.click("a:has-text('From a friend')");
  await page.waitForURL("**/From%20a%20friend");
  assert.match(await page.textContent(".head .quiet"), /you can read it, not change it/);
  assert.equal(await page.locator("[data-do=upload]").count(), 0);
  await page.goto(`${grid.url}/vdrive/private/From%20a%20friend/page.pdf?t=info`);
  assert.equal(await page.locator("text=Delete").count(), 0);
}

export async function details_say_what_it_survives_and_where_it_is({ grid, profile }) {
  await fill(grid);
  const page = await profile();
  await page.goto(`${grid.url}/vdrive/private/lake.png?t=info`);
  assert.ok(await page.isVisible("text=survives the loss of any 7"));
  await page.click("text=Check it now");
  await page.waitForSelector("text=All 10 shares are there, on 10 servers");
  assert.equal(await page.locator(".shares li").count(), 10);
  assert.match(await page.textContent(".shares"), /server10/);
  await page.click("text=Back");
  await page.click(".actions >> text=Delete");
  await page.waitForSelector("text=“lake.png” is deleted.");
  await page.click("text=Undo");
  await page.waitForSelector("a:has-text('lake.png')");
}

export async function a_node_without_an_introducer_joins_by_pasting({ grid, profile }) {
  const { node, running } = grid.run("lonely");
  await line(running, /./).catch(() => {});
  let url = "";
  for (let i = 0; i < 100 && !url; i += 1) {
    try { url = readFileSync(join(node, "node.url"), "utf8").trim().replace(/\/$/, ""); } catch { await new Promise((good) => setTimeout(good, 100)); }
  }
  const page = await profile({}, false);
  await page.goto(url);
  assert.ok(await page.isVisible("text=Let’s join a grid"));
  assert.ok(await page.isVisible("text=Only the node’s owner can do this"));
  const token = readFileSync(join(node, "private/api_auth_token"), "utf8").trim();
  const login = await (await fetch(`${url}/login`, { method: "POST", headers: { Authorization: `tahoe-lafs ${token}` } })).text();
  await page.goto(url + login);
  await page.waitForURL(`${url}/`);
  await page.fill("textarea", "pb://nonsense");
  await page.click("text=Join the grid");
  assert.ok(await page.isVisible("text=That is not a furl"));
  await page.fill("textarea", grid.introducer);
  await page.click("text=Join the grid");
  await page.waitForSelector("h1:has-text('Joined')");
  await page.waitForURL(`${url}/`);
  for (let i = 0; i < 40; i += 1) {
    await page.goto(`${url}/grid`);
    if (/server10/.test(await page.textContent("main"))) break;
    await page.waitForTimeout(250);
  }
  assert.match(await page.textContent("main"), /server10/);
  for (let i = 0; i < 40 && !(await page.isVisible("a:has-text('Global drive')")); i += 1) {
    await page.goto(url);
    await page.waitForTimeout(250);
  }
  assert.ok(await page.isVisible("a:has-text('Global drive')"));
}
