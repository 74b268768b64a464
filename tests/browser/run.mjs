// Runs the cases in Chromium against a grid of processes. See README.md.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");

function skip(why) {
  console.log(`not tried: ${why}`);
  process.exit(0);
}

const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const chromium = process.env.CHROMIUM ?? usual.find(existsSync);
if (!chromium || !existsSync(chromium)) skip("there is no Chromium");
if (!existsSync(join(here, "node_modules/playwright-core"))) {
  try {
    execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--silent"], { cwd: here, timeout: 120_000, stdio: "ignore" });
  } catch {
    skip("npm cannot install playwright-core and axe-core");
  }
}
const tahoe = process.env.TAHOE ?? join(root, "target/debug/tahoe");
if (!existsSync(tahoe)) {
  console.error(`${tahoe} is not there; run cargo build first`);
  process.exit(1);
}

if (process.argv.includes("--prepare")) process.exit(0);
const { chromium: engine } = await import("playwright-core");
const { startGrid } = await import("./grid.mjs");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : "";
const artefacts = join(root, "target/browser");
mkdirSync(artefacts, { recursive: true });

const began = Date.now();
const grid = await startGrid(tahoe);
const launch = (env = process.env) => engine.launch({
  executablePath: chromium,
  headless: true,
  env,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.example 127.0.0.1"],
});
const browser = await launch();

/// A new profile; what its pages complain about is an error of the case.
const complaints = [];
let round = 0;
const profiles = (of) => async function profile(options = {}, owner = true) {
  const mine = round;
  const complain = (text) => { if (mine === round) complaints.push(text); };
  const context = await of.newContext({ viewport: { width: 1280, height: 850 }, ...options });
  context.setDefaultTimeout(60_000);
  context.on("weberror", (error) => complain(String(error.error())));
  context.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/status of (4|5)\d\d/.test(text)) complain(`${text} (${message.location().url.split("/").slice(3, 5).join("/")})`);
  });
  const page = await context.newPage();
  if (owner) {
    await page.goto(await grid.login());
    await page.waitForURL(`${grid.url}/`);
  }
  return page;
};

/// Runs something with a browser that has one font and no other: of the common ones the widest.
async function with_one_font(run) {
  const fonts = mkdtempSync(join(tmpdir(), "fonts-"));
  let other = null;
  try {
    const font = execFileSync("fc-match", ["-f", "%{file}", "DejaVu Sans"], { encoding: "utf8" });
    copyFileSync(font, join(fonts, basename(font)));
    const config = join(fonts, "fonts.conf");
    writeFileSync(config, `<?xml version="1.0"?><fontconfig><dir>${fonts}</dir><cachedir>${fonts}/cache</cachedir></fontconfig>`);
    other = await launch({ ...process.env, FONTCONFIG_FILE: config });
    await run(profiles(other));
  } finally {
    await other?.close();
    rmSync(fonts, { recursive: true });
  }
}

const figures = [];
// How many times slower than they should be the pages may be; a machine may be busy, so without a
// word of it they are only told.
const slack = Number(process.env.PAGES_SLACK ?? Infinity);
const world = { slack, grid, browser, profile: profiles(browser), with_one_font, complaints, artefacts, tahoe, figures };
const files = ["newcomer", "files", "viewing", "dialogs", "noscript", "pages", "looks", "hostile"];
let failed = 0;
let passed = 0;
for (const file of files) {
  const cases = await import(`./cases/${file}.mjs`);
  for (const [name, run] of Object.entries(cases)) {
    const label = name.replaceAll("_", " ");
    if (!only.split(",").some((word) => `${file}: ${label}`.includes(word))) continue;
    complaints.length = 0;
    round += 1;
    const start = Date.now();
    let problem = null;
    try {
      await run(world);
      if (complaints.length) throw new Error(`the page complained: ${complaints.join("; ")}`);
    } catch (error) {
      problem = error;
    }
    const took = ((Date.now() - start) / 1000).toFixed(1);
    if (problem) {
      failed += 1;
      console.log(`FAILED ${file}: ${label} (${took} s)\n${problem.stack}`);
      let number = 0;
      for (const context of browser.contexts()) {
        for (const page of context.pages()) await page.screenshot({ path: join(artefacts, `failed-${name}-${number++}.png`) }).catch(() => {});
      }
    } else {
      passed += 1;
      console.log(`ok ${file}: ${label} (${took} s)`);
    }
    for (const context of browser.contexts()) await context.close();
  }
}
await browser.close();
await grid.stop();
if (figures.length) console.log(`promise 6: ${figures.join("; ")}, ${((Date.now() - began) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed, ${((Date.now() - began) / 1000).toFixed(0)} s; screenshots in ${artefacts}`);
process.exit(failed ? 1 : 0);
