// A private drive with something in it, and the addresses of all pages.
import { markdown, pdf, picture, tone } from "./samples.mjs";

export async function fill(grid) {
  if (grid.filled) return;
  grid.filled = true;
  const at = "/vdrive/private";
  for (const name of ["Photos", "Documents", "Music"]) await grid.ask(`${at}/${name}?t=mkdir`, { method: "POST" });
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

export const pages = [
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
  ["open", "/open"],
  ["storage", "/storage"],
  ["statistics", "/statistics"],
  ["info", "/vdrive/private/lake.png?t=info"],
  ["grid", "/grid"],
  ["activity", "/status"],
  ["planning", "/provisioning"],
  ["deleted", "/deleted"],
  ["help", "/help"],
  ["error", "/vdrive/private/Photos/nothing.png"],
];
