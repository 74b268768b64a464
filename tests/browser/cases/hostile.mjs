// Stored files and other sites' pages that attack. Promise 6.
import { strict as assert } from "node:assert";
import { createServer, request as ask } from "node:http";
import { hostile, hostileNames } from "../samples.mjs";

/// Somebody else's site: it remembers who came, and serves what it was told.
async function site() {
  const visits = [];
  const pages = {};
  const server = createServer((request, response) => {
    visits.push(request.url);
    response.setHeader("Content-Type", "text/html");
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.end(pages[request.url] ?? "<p>evil</p>");
  });
  await new Promise((good) => server.listen(0, "127.0.0.1", good));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, visits, pages, close: () => new Promise((good) => { server.closeAllConnections(); server.close(good); }) };
}

const own = async (grid) => {
  const [, { children }] = await (await grid.ask("/vdrive/private?t=json")).json();
  return Object.keys(children).sort();
};

export async function stored_files_cannot_act({ grid, profile, complaints, figures }) {
  const evil = await site();
  const at = "/vdrive/private/hostile";
  await grid.ask(`${at}?t=mkdir`, { method: "POST" });
  const files = hostile(evil.url);
  for (const [name, text] of Object.entries(files)) await grid.put(`${at}/${name}`, text);
  const before = await own(grid);
  const page = await profile();
  const others = [];
  let dialogs = 0;
  page.on("dialog", (dialog) => { dialogs += 1; dialog.dismiss(); });
  // Those that the policy blocks never finish.
  page.on("requestfinished", (request) => { if (!request.url().startsWith(grid.url) && request.url().startsWith("http")) others.push(request.url()); });
  const asked = [];
  page.on("request", (request) => asked.push(`${request.method()} ${request.url().slice(grid.url.length)}`));
  let views = 0;
  for (const name of Object.keys(files)) {
    const raw = `${at}/${name}`;
    for (const path of [`${raw}?t=view`, raw, `${raw}?filename=x.html`, `${raw}?filename=x.svg`, `${raw}?t=info`, `${raw}?t=pdf`]) {
      await page.goto(grid.url + path).catch((error) => { if (!/download|ERR_ABORTED/i.test(String(error))) throw error; });
      await page.waitForTimeout(60);
      assert.equal(await page.evaluate(() => window.__pwned ?? null), null, path);
      views += 1;
    }
  }
  const reads = asked.filter((one) => /^GET \/vdrive\/private(\?|$)|^POST|^PUT|^DELETE/.test(one));
  assert.deepEqual(reads, [], "a stored file reached another");
  assert.deepEqual(evil.visits, []);
  assert.deepEqual(others, []);
  assert.equal(dialogs, 0);
  assert.deepEqual(await own(grid), before);
  figures.push(`${Object.keys(files).length} hostile files in ${views} views: 0 requests to others, 0 reads of a second file`);
  await evil.close();
  // What was blocked is reported on the console, as it should be.
  complaints.length = 0;
}

export async function hostile_names_are_text({ grid, profile, complaints, figures }) {
  const names = hostileNames();
  const children = Object.fromEntries(names.map((name) => [name, ["filenode", { ro_uri: "URI:LIT:nbswy3dp" }]]));
  const made = await grid.ask("/vdrive/private/names?t=mkdir-with-children", { method: "POST", body: JSON.stringify(children) });
  assert.ok(made.ok, await made.text());
  const page = await profile();
  let dialogs = 0;
  page.on("dialog", (dialog) => { dialogs += 1; dialog.dismiss(); });
  const pwned = () => page.evaluate(() => window.__pwned ?? null);
  await page.goto(`${grid.url}/vdrive/private/names`);
  const shown = await page.$$eval(".rows .row", (rows) => rows.map((row) => row.dataset.n));
  assert.deepEqual(shown.sort(), names.map((name) => name.normalize("NFC")).sort());
  await page.click("[data-view=grid]");
  await page.click("[data-all]");
  await page.hover(".rows .row >> nth=3");
  assert.equal(await pwned(), null);
  await page.click("[data-clear]");
  const links = await page.$$eval(".rows [data-more]", (all) => all.map((link) => link.getAttribute("href").split("?")[0]));
  for (const link of links.filter((_, index) => index % 10 === 3)) {
    for (const t of ["view", "info", "share"]) {
      await page.goto(`${grid.url + link}?t=${t}`);
      assert.equal(await pwned(), null, link);
    }
    const name = encodeURIComponent(decodeURIComponent(link.split("/").pop()));
    for (const t of ["rename-form", "move-form"]) {
      await page.goto(`${grid.url}/vdrive/private/names?t=${t}&name=${name}`);
      assert.equal(await pwned(), null, link);
    }
  }
  await page.goto(`${grid.url}/vdrive/private/names`);
  await page.evaluate(() => { for (const row of document.querySelectorAll(".rows input")) row.checked = true; });
  await page.evaluate(() => document.querySelector("[data-listing]").requestSubmit(document.querySelector("[data-delete]")));
  await page.waitForSelector(`text=${names.length} items are deleted`);
  await page.goto(`${grid.url}/deleted`);
  assert.equal(await pwned(), null);
  assert.equal(dialogs, 0);
  assert.deepEqual(complaints, []);
  figures.push(`${names.length} hostile names: 0 executed`);
}

export async function other_sites_change_nothing({ grid, profile, complaints, figures }) {
  const evil = await site();
  const page = await profile();
  await grid.put("/vdrive/private/victim.txt", "mine");
  const before = await own(grid);
  const posts = ["t=mkdir&name=owned", "t=delete&name=victim.txt", "t=unlink&name=victim.txt", "t=rename&from_name=victim.txt&to_name=x", "t=change&do=delete&name=victim.txt", "t=uri&name=owned&uri=URI:LIT:me", "t=change&do=copy&name=victim.txt&to=/vdrive/private", "t=set_children"];
  const places = ["/vdrive/private", "/vdrive/global", "/join?furl=x", "/deleted?do=restore&token=x", "/open?uri=URI:LIT:me"];
  const forms = places.flatMap((place) => posts.map((query) => [place, query]));
  let number = 0;
  for (const [place, query] of forms) {
    const action = `${grid.url}${place}${place.includes("?") ? "&" : "?"}${query}`.replaceAll("&", "&amp;");
    const kind = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"][number % 3];
    const path = `/form${number}`;
    number += 1;
    evil.pages[path] = `<form id=f method=post enctype="${kind}" action="${action}"><input name=x value=y></form><script>f.submit()</script>`;
    const [answer] = await Promise.all([page.waitForResponse((response) => response.url().startsWith(grid.url) && response.request().method() === "POST"), page.goto(evil.url + path).catch(() => {})]);
    assert.ok([403, 401].includes(answer.status()), `${place} ${query}: ${answer.status()}`);
  }
  await page.goto(`${evil.url}/read`);
  const read = await page.evaluate(async (target) => {
    const out = [];
    for (const [method, mode] of [["GET", "cors"], ["GET", "no-cors"], ["PUT", "cors"], ["DELETE", "cors"]]) {
      try { const answer = await fetch(`${target}/vdrive/private/victim.txt`, { method, mode, credentials: "include" }); out.push((await answer.text()).length); } catch { out.push("refused"); }
    }
    return out;
  }, grid.url);
  assert.ok(read.every((one) => one === "refused" || one === 0), JSON.stringify(read));
  evil.pages["/frame"] = `<iframe src="${grid.url}/"></iframe><iframe src="${grid.url}/vdrive/private/victim.txt"></iframe>`;
  await page.goto(`${evil.url}/frame`);
  await page.waitForTimeout(300);
  for (const frame of page.frames().slice(1)) assert.match(frame.url(), /^chrome-error:/, "it can be framed");
  assert.deepEqual(await own(grid), before);
  // A name that was bound anew to this machine.
  const { hostname, port } = new URL(grid.url);
  const wrong = await new Promise((good, bad) => ask({ hostname, port, path: "/vdrive/global", headers: { Host: `evil.example:${port}` } }, (response) => good(response.statusCode)).on("error", bad).end());
  assert.equal(wrong, 403);
  figures.push(`${forms.length} cross-site forms: 0 changes; a wrong Host: ${wrong}`);
  await evil.close();
  complaints.length = 0;
}
