import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { answered, launch, makeAPIKey, openPlayground, startService } from "./harness.js";

const { source } = createRequire(import.meta.url)("axe-core");

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function violations(page) {
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.target} ${node.failureSummary}`));
}

for (const dark of [false, true]) {
  for (const width of [320, 375, 1280]) {
    test(`axe-core finds nothing: ${dark ? "dark" : "light"}, ${width} px`, async (t) => {
      const { key, file } = makeAPIKey(t);
      const service = await startService(t, { PLAYGROUND: "true", AUTH_API_KEYS_FILE: file });
      const { page, clean } = await openPlayground(t, browser, service.url, { width, dark });
      assert.deepEqual(await violations(page), [], "at first");

      await page.locator("#more").evaluate((details) => (details.open = true));
      await page.locator("#field-role").fill("7");
      await page.locator("#field-geoRegions").fill("XX");
      await page.locator("#field-Authorization").fill(key);
      assert.deepEqual(await violations(page), [], "with errors as one types");
      await page.getByRole("button", { name: "Send" }).click();
      await answered(page, 400);
      assert.deepEqual(await violations(page), [], "with the errors of an answer");

      await page.locator("#field-role").fill("1");
      await page.locator("#field-geoRegions").fill("US");
      await page.getByRole("button", { name: "Send" }).click();
      await answered(page, 200);
      assert.deepEqual(await violations(page), [], "with a token");
      clean();
    });
  }
}
