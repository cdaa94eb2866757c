// A page of another origin asks for tokens as the clients of Zoom's sample do.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch, startService } from "./harness.js";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// openApp opens an empty page of an app, which has an origin of its own.
async function openApp(t) {
  const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html><title>app</title>"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const origin = `http://127.0.0.1:${server.address().port}`;
  await page.goto(origin);
  return { page, origin };
}

// ask is what the UI Toolkit's samples do: POST, read JSON, take signature.
const ask = (page, url, request, headers) =>
  page.evaluate(
    async ([url, request, headers]) => {
      try {
        const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(request) });
        return { status: response.status, id: response.headers.get("X-Request-Id"), ...(await response.json()) };
      } catch (error) {
        return { blocked: error.name };
      }
    },
    [url, request, headers],
  );

const uiToolkit = { sessionName: "Cool Cars", role: 1, videoWebRtcMode: 1 };
const json = { "Content-Type": "application/json" };
const preflights = (service) => service.log.filter((line) => line.method === "OPTIONS" && line.status_code === 204).length;

for (const [name, headers, preflighted] of [
  ["with Content-Type, after a preflight", json, 1],
  ["without Content-Type, which makes it text/plain", {}, 0],
]) {
  test(`a page of another origin gets its token ${name}`, async (t) => {
    const service = await startService(t);
    const { page } = await openApp(t);
    const answer = await ask(page, service.url, uiToolkit, headers);
    const claims = JSON.parse(Buffer.from(answer.signature.split(".")[1], "base64url"));
    assert.deepEqual([claims.tpc, claims.role_type, claims.video_webrtc_mode], ["Cool Cars", 1, 1]);
    assert.match(answer.id, /^[0-9a-f]{32}$/);
    await service.logged((line) => line.method === "POST");
    assert.equal(preflights(service), preflighted);
  });

  test(`a page of another origin can read what is wrong ${name}`, async (t) => {
    const service = await startService(t);
    const { page } = await openApp(t);
    const answer = await ask(page, service.url, { role: 5 }, headers);
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.errors.map((error) => error.property), ["role", "sessionName"]);
  });
}

test("a page of an origin that is not allowed is blocked, with and without preflight", async (t) => {
  const service = await startService(t, { CORS_ALLOWED_ORIGINS: "https://app.example.com" });
  const { page, origin } = await openApp(t);
  for (const headers of [json, {}]) assert.deepEqual(await ask(page, service.url, uiToolkit, headers), { blocked: "TypeError" });
  await service.logged((line) => line.method === "OPTIONS" && line.status_code === 403 && line.origin === origin);
  await service.logged((line) => line.method === "POST" && line.origin === origin);
});

test("a page of an origin that is allowed gets its token", async (t) => {
  const { page, origin } = await openApp(t);
  const service = await startService(t, { CORS_ALLOWED_ORIGINS: `https://app.example.com,${origin}` });
  const answer = await ask(page, service.url, uiToolkit, json);
  assert.ok(answer.signature);
});

test("a page can read the description of the API, and the errors of another method and path", async (t) => {
  const service = await startService(t);
  const { page } = await openApp(t);
  const description = await page.evaluate(async (url) => (await fetch(`${url}/openapi.json`)).json(), service.url);
  assert.equal(description.openapi, "3.1.0");
  for (const [method, path, status, property] of [["PUT", "/", 405, "method"], ["POST", "/token", 404, "path"]]) {
    const answer = await page.evaluate(async ([url, method]) => {
      const response = await fetch(url, { method });
      return [response.status, (await response.json()).errors[0].property];
    }, [service.url + path, method]);
    assert.deepEqual(answer, [status, property]);
  }
});
