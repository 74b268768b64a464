// A grid of processes, and its web API.
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/// Waits for a line of a process that fits.
export function line(process, pattern, ms = 60_000) {
  return new Promise((good, bad) => {
    let text = "";
    const timer = setTimeout(() => bad(new Error(`no ${pattern} in ${text}`)), ms);
    const hear = (chunk) => {
      text += chunk;
      const found = text.match(pattern);
      if (found) { clearTimeout(timer); good([found, text]); }
    };
    process.stdout.on("data", hear);
    process.stderr.on("data", hear);
    process.on("exit", (code) => bad(new Error(`it ended with ${code}: ${text}`)));
  });
}

export async function startGrid(tahoe, servers = 10) {
  const dir = mkdtempSync(join(tmpdir(), "tahoe-browser-"));
  const demo = spawn(tahoe, ["demo", join(dir, "grid"), "--servers", String(servers), "--webport", "0"]);
  const [found, text] = await line(demo, /ready (http:\S+)/);
  const url = found[1].replace(/\/$/, "");
  const gateway = join(dir, "grid", "gateway");
  const token = readFileSync(join(gateway, "private/api_auth_token"), "utf8").trim();
  const ask = (path, options = {}) => fetch(url + path, {
    ...options,
    headers: { Authorization: `tahoe-lafs ${token}`, ...options.headers },
  });
  const put = async (path, body) => {
    const answer = await ask(path, { method: "PUT", body });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${said}`);
    return said;
  };
  const login = async () => url + await (await ask("/login", { method: "POST" })).text();
  const nodes = [];
  /// One more client; the files are put into its folder before it starts. `end` stops it.
  const run = async (name, furl, files = {}) => {
    const node = join(dir, name);
    execFileSync(tahoe, ["create-client", node, "--no-storage", "--webport", "0", ...(furl ? ["--introducer", furl] : [])]);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(node, file), text);
    return serve(node);
  };
  const serve = async (node) => {
    const running = spawn(tahoe, ["run", node]);
    nodes.push(running);
    const [found] = await line(running, /ready ?(\S*)/);
    const end = () => new Promise((good) => { running.on("exit", good); running.kill("SIGTERM"); });
    const url = found[1].replace(/\/$/, "");
    const secret = () => readFileSync(join(node, "private/api_auth_token"), "utf8").trim();
    const ask = (path, options = {}) => fetch(url + path, { ...options, headers: { Authorization: `tahoe-lafs ${secret()}`, ...options.headers } });
    const login = async () => url + await (await ask("/login", { method: "POST" })).text();
    return { node, running, url, ask, login, end };
  };
  /// A server of directories that the grid has not heard of.
  const runVdrive = async (name) => {
    const node = join(dir, name);
    execFileSync(tahoe, ["create-vdrive", node]);
    writeFileSync(join(node, "vdrive.port"), "tcp:0:interface=127.0.0.1\n");
    const { end } = await serve(node);
    return { furl: readFileSync(join(node, "vdrive.furl"), "utf8").trim(), end };
  };
  /// An introducer of its own, with a page.
  const runIntroducer = async (name) => {
    const node = join(dir, name);
    execFileSync(tahoe, ["create-introducer", node, "--webport", "0"]);
    writeFileSync(join(node, "introducer.port"), "tcp:0:interface=127.0.0.1\n");
    const { url, end } = await serve(node);
    return { url, furl: readFileSync(join(node, "introducer.furl"), "utf8").trim(), end };
  };
  const introducer = readFileSync(join(dir, "grid/introducer/introducer.furl"), "utf8").trim();
  const vdrive = readFileSync(join(dir, "grid/introducer/vdrive.furl"), "utf8").trim();
  const stop = async () => {
    for (const one of [...nodes, demo]) {
      if (one.exitCode !== null) continue;
      if (one.signalCode !== null) continue;
      const over = new Promise((good) => one.on("exit", good));
      one.kill("SIGTERM");
      await over;
    }
    rmSync(dir, { recursive: true, force: true });
  };
  return { dir, gateway, url, token, ask, put, login, run, runIntroducer, runVdrive, stop, introducer, vdrive, said: text };
}
