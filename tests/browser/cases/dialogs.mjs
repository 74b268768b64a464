// Sharing, attaching, joining, details.
import { strict as assert } from "node:assert";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
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
  const { url, login, end } = await grid.run("lonely");
  const page = await profile({}, false);
  await page.goto(url);
  assert.ok(await page.isVisible("text=Let’s join a grid"));
  assert.ok(await page.isVisible("text=Only the node’s owner can do this"));
  await page.goto(await login());
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
  await end();
}

export async function an_unknown_server_is_dialled_when_its_reader_says_so({ grid, profile, complaints }) {
  const vdrive = await grid.runVdrive("elsewhere");
  const friend = await grid.run("friend", null, { "vdrive.furl": `${vdrive.furl}\n` });
  let cap = "";
  for (let i = 0; i < 40 && !cap.startsWith("URI:"); i += 1) {
    cap = await (await friend.ask("/uri?t=mkdir", { method: "POST" })).text();
    if (!cap.startsWith("URI:")) await new Promise((good) => setTimeout(good, 250));
  }
  assert.match(cap, /^URI:DIR:/);
  const page = await profile();
  const address = `${grid.url}/uri/${encodeURIComponent(cap)}`;
  await page.goto(`${address}?allow-new-tub=1`);
  assert.ok(await page.isVisible("text=A link may not change anything"));
  await page.goto(`${address}?sort=size`);
  assert.ok(await page.isVisible("h1:has-text('An unknown server')"));
  await page.click("text=Connect to that server");
  await page.waitForSelector("text=This folder is empty");
  await page.goto(address);
  assert.ok(await page.isVisible("text=This folder is empty"), "the leave is remembered");
  await friend.end();
  await vdrive.end();
  complaints.length = 0;
}

export async function a_browser_logs_in_and_out({ grid, profile, complaints }) {
  const page = await profile({}, false);
  const start = () => readFileSync(join(grid.gateway, "start.html"), "utf8").match(/href="([^"]*login[^"]*)"/)[1];
  const first = start();
  await page.goto(first);
  await page.waitForURL(`${grid.url}/`);
  assert.notEqual(start(), first, "the file has the next address");
  assert.equal(statSync(join(grid.gateway, "start.html")).mode & 0o777, 0o600);
  await page.click("[aria-label='Log out']");
  await page.waitForSelector("text=This browser has not shown that it is the owner");
  assert.equal((await page.goto(first)).status(), 403, "it was good once");
  assert.equal((await page.goto(`${grid.url}/vdrive/private`)).status(), 401);
  await page.fill("[name=key]", grid.token);
  await page.click("button:has-text('Log in')");
  await page.waitForURL("**/vdrive/private");
  assert.equal(await page.textContent("h1"), "Private drive");
  complaints.length = 0;
}
