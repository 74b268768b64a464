// A private drive with something in it, and the addresses of all pages.
import { markdown, pdf, picture, tone } from "./samples.mjs";

export async function fill(grid) {
  if (grid.filled) return;
  grid.filled = true;
  const at = "/vdrive/private";
  for (const name of ["Photos", "Documents", "Music", "Empty"]) await grid.ask(`${at}/${name}?t=mkdir`, { method: "POST" });
  const names = ["Evening at the lake", "From the ridge", "First snow", "The old pier", "Morning fog", "Way home", "North shore", "Camp"];
  await Promise.all(names.map((name, index) => grid.put(`${at}/Photos/${encodeURIComponent(name)}.png`, picture(index + 1))));
  await grid.put(`${at}/Notes from the lake.md`, markdown);
  await grid.put(`${at}/Documents/page.pdf`, pdf());
  await grid.put(`${at}/Documents/budget.csv`, "what,how much\nbread,3.20\ncheese,8.50\n".repeat(40));
  await grid.put(`${at}/Music/tone.wav`, tone());
  await grid.put(`${at}/lake.png`, picture(9));
  await grid.put(`${at}/letter.txt`, "Dear all,\n\nthe boat is in the shed, the key under the third stone.\n\nSee you in spring\n");
  await grid.put(`${at}/archive.zip`, Buffer.alloc(1_400_000, 7));
  await grid.put(`${at}/main.rs`, 'fn main() {\n    println!("hello");\n}\n');
  for (const name of ["old plan.txt", "older plan.txt"]) {
    await grid.put(`${at}/${name}`, `${name} is over\n`);
    await grid.ask(`${at}?t=change`, { method: "POST", body: new URLSearchParams({ do: "delete", item: encodeURIComponent(name) }) });
  }
  await grid.put("/vdrive/global/Read me first.txt", "This drive is everybody's.\n");
}

const nobody = `URI:DIR:${"a".repeat(52)}@tcp:127.0.0.1:9:${"a".repeat(52)}`;

/// The addresses of all pages: those that are always there, and what the node did lately.
export async function pages(grid) {
  await fill(grid);
  await grid.put("/uri", Buffer.alloc(5_000, Date.now() % 251));
  const [transfer] = (await (await grid.ask("/status", { headers: { Accept: "text/html" } })).text()).match(/\/status\/up-\d+/);
  await grid.ask("/vdrive/private?t=start-deep-check&ophandle=looked-at", { method: "POST", redirect: "manual" });
  await grid.ask("/vdrive/private/Music?t=start-manifest&ophandle=listed", { method: "POST", redirect: "manual" });
  return [...always, ["transfer", transfer], ["deep-check", "/operations/looked-at?output=html"], ["manifest", "/operations/listed?output=html"]];
}

async function dismissed(page) {
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog[open]", { state: "hidden" });
}

/// What a page becomes when something is done on it: a name, and how one gets there.
export const states = [
  ["checked", async (page, url) => {
    await page.goto(`${url}/vdrive/private/lake.png?t=info`);
    await page.click("text=Check it now");
    await page.waitForSelector(".shares");
  }],
  ["selection", async (page, url) => {
    await page.goto(`${url}/vdrive/private`);
    await page.check("[aria-label='Select letter.txt']");
  }],
  ["undo", async (page) => {
    await page.keyboard.press("Delete");
    await page.waitForSelector("text=“letter.txt” is deleted.");
  }],
  ["menu", async (page) => {
    await page.click("text=Undo");
    await page.waitForSelector(".row:has-text('letter.txt')");
    await page.click(".row:has-text('lake.png') [data-more]");
  }],
  ["dialog", async (page) => {
    await page.keyboard.press("Escape");
    await page.click("[data-do=share]");
    await page.waitForSelector("dialog[open]");
  }],
  ["qr", async (page) => {
    await page.click("dialog summary >> nth=0");
    await page.waitForSelector("dialog svg.qr >> visible=true");
  }],
  ["keys", async (page) => {
    await dismissed(page);
    await page.keyboard.press("?");
    await page.waitForSelector("dialog >> text=go through the files");
  }],
  ["picking", async (page) => {
    await dismissed(page);
    await page.check("[aria-label='Select letter.txt']");
    await page.click("text=Move or copy");
    await page.waitForSelector("dialog >> text=“letter.txt” goes there");
  }],
  ["queue", async (page, url) => {
    await page.goto(`${url}/vdrive/private/Music`);
    const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
    await page.setInputFiles("[data-chooser]", [file("tone.wav", "taken"), file(`${Date.now()}.txt`, "one more ".repeat(40))]);
    await page.waitForSelector(".queue li.done:has-text('Stored on')");
    await page.waitForSelector(".queue li.failed");
  }],
];

const always = [
  ["home", "/"],
  ["files", "/vdrive/private"],
  ["tiles", "/vdrive/private/Photos?view=grid"],
  ["image", "/vdrive/private/Photos/First%20snow.png?t=view"],
  ["markdown", "/vdrive/private/Notes%20from%20the%20lake.md?t=view"],
  ["text", "/vdrive/private/Documents/budget.csv?t=view"],
  ["pdf", "/vdrive/private/Documents/page.pdf?t=view"],
  ["audio", "/vdrive/private/Music/tone.wav?t=view"],
  ["share", "/vdrive/private/Photos?t=share"],
  ["move", "/vdrive/private?t=move-form&name=lake.png"],
  ["rename", "/vdrive/private?t=rename-form&name=lake.png"],
  ["new-folder", "/vdrive/private?t=new-folder"],
  ["attach", "/vdrive/private?t=attach"],
  ["upload-form", "/vdrive/private?t=upload-form"],
  ["unpack-form", "/vdrive/private?t=unpack-form"],
  ["open", "/open"],
  ["storage", "/storage"],
  ["safety", "/safety"],
  ["statistics", "/statistics"],
  ["info", "/vdrive/private/lake.png?t=info"],
  ["grid", "/grid"],
  ["activity", "/status"],
  ["planning", "/provisioning"],
  ["deleted", "/deleted"],
  ["help", "/help"],
  ["error", "/vdrive/private/Photos/nothing.png"],
  ["nowhere", "/nowhere"],
  ["not-understood", "/vdrive/private?t=pony"],
  ["unknown-server", `/uri/${encodeURIComponent(nobody)}`],
  ["empty", "/vdrive/private/Empty"],
  ["nothing-found", "/vdrive/private?filter=nothing"],
  ["no-preview", "/vdrive/private/archive.zip?t=view"],
  ["folder-info", "/vdrive/private/Photos?t=info"],
  ["share-file", "/vdrive/private/lake.png?t=share"],
  ["move-many", "/vdrive/private?t=move-form&name=lake.png&name=letter.txt&to=/vdrive/private/Photos"],
  ["helper", "/helper_status"],
];
