// Pictures of every page, wide and narrow, light and dark, for somebody to look at.
import { join } from "node:path";
import { fill, pages } from "../places.mjs";

export async function every_page_wide_and_narrow_light_and_dark({ grid, profile, artefacts }) {
  await fill(grid);
  for (const colorScheme of ["light", "dark"]) {
    const page = await profile({ colorScheme });
    for (const [width, height] of [[1280, 850], [360, 740]]) {
      await page.setViewportSize({ width, height });
      for (const [name, path] of pages) {
        await page.goto(grid.url + path);
        await page.waitForLoadState("networkidle").catch(() => {});
        await page.screenshot({ path: join(artefacts, `${name}-${width}-${colorScheme}.png`) });
      }
      await page.goto(`${grid.url}/vdrive/private`);
      await page.click(".row:has-text('lake.png') [data-more]");
      await page.screenshot({ path: join(artefacts, `menu-${width}-${colorScheme}.png`) });
      await page.keyboard.press("Escape");
      await page.click("[data-do=share]");
      await page.waitForSelector("dialog[open]");
      await page.screenshot({ path: join(artefacts, `dialog-${width}-${colorScheme}.png`) });
      await page.keyboard.press("Escape");
      await page.setInputFiles("[data-chooser]", [{ name: `note-${width}-${colorScheme}.txt`, mimeType: "text/plain", buffer: Buffer.from(`stored ${width} ${colorScheme}`.repeat(20)) }, { name: `other-${width}-${colorScheme}.txt`, mimeType: "text/plain", buffer: Buffer.from("x".repeat(300)) }]);
      await page.waitForSelector(".queue .done >> nth=1");
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(artefacts, `upload-${width}-${colorScheme}.png`) });
    }
  }
}
