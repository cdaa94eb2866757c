// Writes the pictures of docs/: the page with a token, and with errors on a dark phone.
import { after, test } from "node:test";
import { answered, launch, openPlayground, startService } from "./harness.js";

const docs = new URL("../../docs/", import.meta.url).pathname;
const browser = await launch();
after(() => browser.close());

test("on a desk, light", async (t) => {
  const service = await startService(t, { PLAYGROUND: "true", PORT: "4000" });
  const { page } = await openPlayground(t, browser, service.url, { width: 1200, height: 1000 });
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 200);
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${docs}playground.png` });
});

test("on a phone, dark", async (t) => {
  const service = await startService(t, { PLAYGROUND: "true", PORT: "4000" });
  const { page } = await openPlayground(t, browser, service.url, { width: 375, height: 812, dark: true });
  await page.locator("#field-role").fill("2");
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 400);
  await page.evaluate(() => (document.activeElement.blur(), scrollTo(0, 0)));
  await page.screenshot({ path: `${docs}playground-phone.png` });
});
