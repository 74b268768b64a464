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

export async function a_folder_comes_as_a_zip_and_a_tar_is_unpacked({ grid, profile }) {
  await fill(grid);
  const page = await profile({ acceptDownloads: true });
  await page.goto(`${grid.url}/vdrive/private/Documents`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("[data-do=zip]")]);
  assert.equal(download.suggestedFilename(), "Documents.zip");
  assert.equal(readFileSync(await download.path()).readUInt32LE(0), 0x04034b50);
  const packed = await (await grid.ask("/vdrive/private/Documents?t=tar")).arrayBuffer();
  const tar = { name: "Documents.tar", mimeType: "application/x-tar", buffer: Buffer.from(packed) };
  await grid.ask("/vdrive/private/unpacked?t=mkdir", { method: "POST" });
  await page.goto(`${grid.url}/vdrive/private/unpacked`);
  const unpack = async () => {
    await page.click("[data-do=unpack]");
    await page.setInputFiles("dialog input[type=file]", tar);
    await page.click("dialog button:has-text('Unpack it')");
  };
  await unpack();
  await page.waitForSelector("a:has-text('page.pdf')");
  // What is there is not replaced, and that is told.
  await unpack();
  await page.waitForSelector("h2:has-text('Not unpacked: 2')");
}

export async function a_capability_is_copied_with_one_click({ grid, profile }) {
  await fill(grid);
  const page = await profile({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.goto(`${grid.url}/vdrive/private`);
  await page.click(".row:has-text('letter.txt') [data-more]");
  await page.click("[role=menu] >> text=Share");
  await page.waitForSelector("dialog[open]");
  const cap = await page.inputValue("dialog input.cap >> nth=0");
  await page.click("dialog button:has-text('Copy') >> nth=0");
  await page.waitForSelector("dialog button:has-text('Copied')");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), cap);
  // And pasted where one opens what was given.
  await page.goto(grid.url);
  await page.focus("[name=uri]");
  await page.keyboard.press("Control+v");
  await page.keyboard.press("Enter");
  await page.waitForSelector("pre.paper:has-text('third stone')");
}

export async function details_say_what_it_survives_and_where_it_is({ grid, profile }) {
  await fill(grid);
  const page = await profile();
  await page.goto(`${grid.url}/vdrive/private/lake.png?t=info`);
  await page.waitForSelector("text=survives the loss of any 7");
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
  await page.waitForSelector("text=Let’s join a grid");
  await page.waitForSelector("text=Only the node’s owner can do this");
  await page.goto(await login());
  await page.waitForURL(`${url}/`);
  await page.fill("[name=furl]", "pb://nonsense");
  await page.click("text=Join the grid");
  await page.waitForSelector("text=That is not a furl");
  // Files are told apart by their names, whether chosen or dropped.
  const furl = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(`${text}\n`) });
  await page.setInputFiles("[data-furl-files]", [furl("vdrive.furl", "pb+xk1://v"), furl("introducer.furl", "pb+xk1://i")]);
  await page.waitForFunction(() => document.querySelector("[name=vdrive]").value && document.querySelector("[name=furl]").value);
  assert.deepEqual([await page.inputValue("[name=furl]"), await page.inputValue("[name=vdrive]")], ["pb+xk1://i", "pb+xk1://v"]);
  await page.evaluate(([one, two]) => {
    const data = new DataTransfer();
    data.items.add(new File([two], "vdrive.furl"));
    data.items.add(new File([one], "introducer.furl"));
    document.querySelector("main").dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
  }, [grid.introducer, grid.vdrive]);
  await page.waitForFunction((furl) => document.querySelector("[name=furl]").value === furl, grid.introducer);
  await page.waitForFunction((furl) => document.querySelector("[name=vdrive]").value === furl, grid.vdrive);
  await page.click("text=Join the grid");
  await page.waitForSelector("h1:has-text('Joined')");
  await page.click("text=Go on");
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
  await page.waitForSelector("a:has-text('Global drive')");
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
  await page.waitForSelector("text=A link may not change anything");
  await page.goto(`${address}?sort=size`);
  await page.waitForSelector("h1:has-text('An unknown server')");
  await page.click("text=Connect to that server");
  await page.waitForSelector("text=This folder is empty");
  await page.goto(address);
  await page.waitForSelector("text=This folder is empty");
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

export async function who_may_only_keep_it_alive_checks_and_renews({ grid, profile }) {
  const owner = await profile();
  await grid.put("/vdrive/private/kept.bin", Buffer.alloc(9000, 5));
  await owner.goto(`${grid.url}/vdrive/private/kept.bin?t=share`);
  const caps = await owner.$$eval("input.cap", (fields) => fields.map((field) => field.value));
  await owner.goto(`${grid.url}/vdrive/private?t=share`);
  caps.push(...await owner.$$eval("input.cap", (fields) => fields.map((field) => field.value)));
  const friend = await profile({}, false);
  for (const cap of caps.filter((one) => /Verifier/.test(one))) {
    await friend.goto(grid.url);
    await friend.fill("[name=uri]", cap);
    await friend.click("button:has-text('Open')");
    await friend.waitForSelector("text=You can check it and keep it alive, not read it");
    await friend.click("text=Renew its leases");
    await friend.waitForSelector("h1:has-text('Checked just now')");
    assert.match(await friend.textContent(".notice"), /All 10 shares are there, on 10 servers|It is there, on its server/);
  }
}

export async function everything_in_a_folder_is_counted_on_a_page({ grid, profile }) {
  await fill(grid);
  const page = await profile();
  await page.goto(`${grid.url}/vdrive/private/Photos?t=info`);
  await page.click("text=Count everything in it");
  await page.waitForSelector("dt:has-text('Files') + dd:has-text('8')");
  await page.goto(`${grid.url}/vdrive/private/Photos?t=info`);
  await page.click("text=Check everything in it");
  await page.waitForSelector("text=9 objects checked, 9 of them healthy");
}
