// A newcomer's minute: a file stored, shared and found again, without reading anything.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";

export async function stores_shares_and_finds_within_a_minute({ grid, profile, browser, slack, figures }) {
  const began = Date.now();
  // By the address that `demo` prints.
  const page = await profile({}, false);
  await page.goto(grid.said.match(/http:\S+\/login\?key=\S+/)[0]);
  await page.waitForURL(`${grid.url}/`);
  assert.match(await page.textContent("h1"), /only you can read/);
  const content = "What I wanted to keep.\n".repeat(20);
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("text=Choose files")]);
  await chooser.setFiles([{ name: "keep.txt", mimeType: "text/plain", buffer: Buffer.from(content) }]);
  await page.waitForSelector(".queue .done");
  await page.waitForSelector("text=Stored on 10 of 10 servers");
  await page.click("a:has-text('Private drive')");
  await page.click("a:has-text('keep.txt')");
  assert.equal(await page.textContent("pre.paper"), content);
  await page.click("a:has-text('Share')");
  await page.waitForSelector("dialog[open]");
  await page.waitForSelector("dialog >> text=Whoever has it can read this file");
  const cap = await page.inputValue("dialog input.cap");
  assert.match(cap, /^URI:CHK:/);
  await page.click("dialog >> text=QR code");
  await page.waitForSelector("dialog svg.qr");
  await page.keyboard.press("Escape");
  assert.ok(!(await page.title()).includes("URI:"));

  const friend = await profile({}, false);
  await friend.goto(grid.url);
  await friend.waitForSelector("text=This browser has not shown that it is the owner");
  await friend.fill("[name=uri]", cap);
  await friend.click("button:has-text('Open')");
  assert.equal(await friend.textContent("pre.paper"), content);
  assert.ok(!(await friend.title()).includes("URI:"));
  assert.match(friend.url(), /\/open\?n=0$/, "the capability stays in the address bar");
  await friend.reload();
  assert.equal(await friend.textContent("pre.paper"), content);
  const [download] = await Promise.all([friend.waitForEvent("download"), friend.click("text=Download")]);
  assert.equal(readFileSync(await download.path(), "utf8"), content);
  assert.equal((await friend.goto(`${grid.url}/vdrive/private`)).status(), 401);
  await friend.waitForSelector("text=Only the owner may see this");
  const took = (Date.now() - began) / 1000;
  figures.push(`a newcomer's first file stored, shared and found in ${took.toFixed(0)} s`);
  assert.ok(took < 60 * slack, "it took longer than a minute");
  assert.ok(browser.contexts().length === 2);
}
