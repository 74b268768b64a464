// Everything again with scripts switched off.
import { strict as assert } from "node:assert";
import { becomes } from "../becomes.mjs";

const names = (page) => page.$$eval(".rows .row .c-name a", (links) => links.map((link) => link.textContent));

export async function forms_do_what_scripts_do({ grid, profile }) {
  await grid.ask("/vdrive/private/plain?t=mkdir", { method: "POST" });
  const page = await profile({ javaScriptEnabled: false });
  const at = `${grid.url}/vdrive/private/plain`;
  await page.goto(grid.url);
  await page.setInputFiles("input[type=file]", { name: "from home.txt", mimeType: "text/plain", buffer: Buffer.from("home") });
  await page.click("button:has-text('Store it')");
  await page.waitForURL("**/vdrive/private");
  await becomes(() => names(page).then((all) => all.includes("from home.txt")), true);
  await page.goto(at);
  for (const name of ["one.txt", "two.txt"]) {
    await page.click("a:has-text('Upload')");
    await page.setInputFiles("input[type=file]", { name, mimeType: "text/plain", buffer: Buffer.from(name) });
    await page.click("button:has-text('Store it')");
    await page.waitForURL(at);
  }
  await page.click("a:has-text('New folder')");
  await page.fill("[name=name]", "folder");
  await page.click("button:has-text('Make it')");
  await becomes(() => names(page), ["folder", "one.txt", "two.txt"]);
  await page.click("[aria-label='More about one.txt']");
  await page.click("a:has-text('Rename')");
  await page.fill("[name=to_name]", "first.txt");
  await page.click("button:has-text('Rename')");
  await becomes(() => names(page), ["folder", "first.txt", "two.txt"]);
  await page.check("[aria-label='Select first.txt']");
  await page.check("[aria-label='Select two.txt']");
  await page.click("button:has-text('Move or copy')");
  await page.click(".pick button:has-text('folder')");
  await page.click("button:has-text('Move here')");
  await becomes(() => names(page), ["folder"]);
  await page.click(".rows a:has-text('folder')");
  await becomes(() => names(page), ["first.txt", "two.txt"]);
  await page.click("a:has-text('Name')");
  await becomes(() => names(page), ["two.txt", "first.txt"]);
  await page.check("[aria-label='Select two.txt']");
  await page.click("button:has-text('Delete')");
  await page.waitForSelector("text=“two.txt” is deleted.");
  await becomes(() => names(page), ["first.txt"]);
  await page.click("button:has-text('Undo')");
  await becomes(() => names(page), ["first.txt", "two.txt"]);
  await page.click("a:has-text('first.txt')");
  assert.equal(await page.textContent("pre.paper"), "one.txt");
  await page.click("a:has-text('Share')");
  assert.match(await page.inputValue("input.cap"), /^URI:LIT:/);
  await page.goto(`${at}?filter=nothing`);
  await page.waitForSelector("text=Nothing here has that in its name");
  await page.goto(`${grid.url}/provisioning`);
  await page.fill("[name=check]", "365");
  await page.click("text=Work it out");
  assert.equal(await page.inputValue("[name=check]"), "365");
  await page.goto(`${at}?t=info`);
  await page.click("text=Count everything in it");
  for (let i = 0; i < 20 && !(await page.isVisible("dt:has-text('Their size')")); i += 1) await page.reload();
  await page.waitForSelector("h1:has-text('What is in it')");
  await page.click("[aria-label='Log out']");
  await page.waitForSelector("text=This browser has not shown that it is the owner");
  await page.goto(await grid.login());
  await page.waitForURL(`${grid.url}/`);
  await page.goto(`${grid.url}/status`);
  await page.waitForSelector("h1:has-text('Activity')");
}
