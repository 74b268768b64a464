// Looking at files of every kind.
import { strict as assert } from "node:assert";
import { fill } from "../places.mjs";
import { picture } from "../samples.mjs";

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
  await page.waitForSelector("text=There is no preview");
  await page.goto(`${at}/Documents/page.pdf?t=view`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  assert.match(frame.url(), /\/shown\/[a-z2-7]+$/);
}

export async function a_shared_picture_is_shown_and_kept_under_a_name({ grid, profile }) {
  const cap = await grid.put("/uri", picture(4));
  const friend = await profile({}, false);
  await friend.goto(grid.url);
  await friend.fill("[name=uri]", cap);
  await friend.click("button:has-text('Open')");
  await friend.waitForFunction(() => document.querySelector(".stage img")?.naturalWidth === 640);
  assert.ok(!/URI(:|%3A)/.test(friend.url() + await friend.title()));
  const [download] = await Promise.all([friend.waitForEvent("download"), friend.click("text=Download")]);
  assert.equal(download.suggestedFilename(), "shared-file.png");
  // Also what has no preview, and from the page of details.
  const bytes = await grid.put("/uri", Buffer.alloc(5000, 0xfe));
  await friend.goto(`${grid.url}/uri/${encodeURIComponent(bytes)}?t=info`);
  const [other] = await Promise.all([friend.waitForEvent("download"), friend.click("text=Download")]);
  assert.equal(other.suggestedFilename(), "shared-file");
  for (const path of [`/file/${encodeURIComponent(cap)}/x.png?t=info`, `/uri?uri=${encodeURIComponent(cap)}&t=info`]) {
    await friend.goto(grid.url + path);
    await friend.waitForURL(/\/open\?n=\d+$/);
  }
}

/// Half a second of moving colours, recorded by the browser itself.
const film = () => new Promise((good) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  const pen = canvas.getContext("2d");
  let n = 0;
  const paint = setInterval(() => { pen.fillStyle = `hsl(${(n += 9)} 80% 50%)`; pen.fillRect(0, 0, 64, 48); }, 20);
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => { clearInterval(paint); good([...new Uint8Array(await new Blob(parts).arrayBuffer())]); };
  recorder.start();
  setTimeout(() => recorder.stop(), 1500);
});

export async function a_film_and_a_tone_are_sought({ grid, profile }) {
  await fill(grid);
  const page = await profile();
  const bytes = await page.evaluate(film);
  const cap = await grid.put("/vdrive/private/film.webm", Buffer.from(bytes));
  const seek = (to) => page.evaluate(async (to) => {
    const media = document.querySelector("video, audio");
    if (media.readyState < 1) await new Promise((good) => media.addEventListener("loadedmetadata", good));
    media.currentTime = to;
    await new Promise((good) => media.addEventListener("seeked", good, { once: true }));
    return [media.currentTime, media.videoWidth ?? 0];
  }, to);
  for (const path of ["/vdrive/private/film.webm?t=view", `/uri/${encodeURIComponent(cap)}?t=view`]) {
    await page.goto(grid.url + path);
    const [time, width] = await seek(0.5);
    assert.ok(time > 0.3 && width === 64, `${path}: at ${time}, ${width} wide`);
  }
  await page.goto(`${grid.url}/vdrive/private/Music/tone.wav?t=view`);
  assert.ok(Math.abs((await seek(1.5))[0] - 1.5) < 0.05);
}
