// Looking at files of every kind.
import { strict as assert } from "node:assert";
import { fill } from "../places.mjs";

export async function every_kind_is_shown({ grid, profile }) {
  await fill(grid);
  const page = await profile();
  const at = `${grid.url}/vdrive/private`;
  await page.goto(`${at}/Photos/First%20snow.png?t=view`);
  await page.waitForFunction(() => document.querySelector(".stage img").naturalWidth === 640);
  assert.match(await page.textContent(".head .quiet"), /3 of 8/);
  await page.keyboard.press("ArrowRight");
  await page.waitForURL("**/From%20the%20ridge.png?t=view");
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL("**/First%20snow.png?t=view");
  await page.keyboard.press("Escape");
  await page.waitForURL("**/Photos");
  await page.goto(`${at}/Music/tone.wav?t=view`);
  assert.ok(Math.abs(await page.evaluate(async () => {
    const audio = document.querySelector("audio");
    if (!(audio.duration > 0)) await new Promise((good) => audio.addEventListener("loadedmetadata", good));
    return audio.duration;
  }) - 2) < 0.1);
  await page.goto(`${at}/Notes%20from%20the%20lake.md?t=view`);
  assert.equal(await page.textContent(".prose h1"), "Spring at the lake");
  assert.equal(await page.getAttribute(".prose a", "rel"), "noopener noreferrer nofollow");
  await page.goto(`${at}/letter.txt?t=view`);
  assert.match(await page.textContent("pre.paper"), /third stone/);
  await page.goto(`${at}/archive.zip?t=view`);
  assert.ok(await page.isVisible("text=There is no preview"));
  await page.goto(`${at}/Documents/page.pdf?t=view`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  assert.match(frame.url(), /page\.pdf\?t=pdf$/);
}
