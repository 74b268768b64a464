// What a page shows after a click, it may show a moment later.
import { strict as assert } from "node:assert";

/// Reads until what is read is what is wanted; after a minute, what is read then is told.
export async function becomes(read, wanted) {
  const end = Date.now() + 60_000;
  for (;;) {
    // A page that is just being left cannot be read.
    const got = await read().catch((error) => String(error));
    try {
      assert.deepEqual(got, wanted);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((good) => setTimeout(good, 50));
  }
}
