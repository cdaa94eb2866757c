import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { answered, launch, makeAPIKey, openPage, openPlayground, startService, statusLine } from "./harness.js";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const field = (page, name) => page.locator(`#field-${name}`);
const errorOf = (page, name) => page.locator(`#field-${name}-error`);
const openMore = (page) => page.locator("#more").evaluate((details) => (details.open = true));
const focused = (page) => page.evaluate(() => document.activeElement.id);
const playground = { PLAYGROUND: "true" };

// Each property with a text that breaks its rule, and what is said of it while one types and in the service's answer.
const broken = [
  ["role", "2", "must be 0 or 1", "got a number out of range"],
  ["sessionName", "a".repeat(201), "must be a string of 1 to 200 characters", "got 201"],
  ["expirationSeconds", "1799", "must be a whole number from 1800 to 172800", "got a number out of range"],
  ["userIdentity", "😀".repeat(18) + "a", "must be a string of at most 36 characters", "got 37"],
  ["userKey", "a".repeat(37), "must be a string of at most 36 characters", "got 37"],
  ["sessionKey", "a".repeat(37), "must be a string of at most 36 characters", "got 37"],
  ["geoRegions", "US,XX", "must be a comma-separated string or an array of strings, each one of AU BR CA CN DE HK IN JP MX NL SG US", "got another region"],
  ["cloudRecordingOption", "1abc", "must be 0 or 1", "got a string that is not a whole number"],
  ["cloudRecordingElection", "-1", "must be 0 or 1", "got a number out of range"],
  ["cloudRecordingTranscriptOption", "3", "must be a whole number from 0 to 2", "got a number out of range"],
  ["telemetryTrackingId", "a".repeat(201), "must be a string of at most 200 characters", "got 201"],
  ["videoWebRtcMode", "1.0", "must be 0 or 1", "got a string that is not a whole number"],
  ["audioWebRtcMode", " 1", "must be 0 or 1", "got a string that is not a whole number"],
  ["audioCompatibleMode", "0x1", "must be 0 or 1", "got a string that is not a whole number"],
];

// besideItsField checks that an error stands below its own input, can be seen whole, and is tied to it for a screen reader.
async function besideItsField(page, name) {
  const input = await field(page, name).boundingBox();
  const error = await errorOf(page, name).boundingBox();
  const below = error.y - (input.y + input.height);
  assert.ok(below >= 0 && below < 20, `${name}: the error stands ${below} px below its field`);
  assert.ok(error.x >= 0 && error.x + error.width <= page.viewportSize().width, `${name}: the error leaves the window`);
  assert.equal(await field(page, name).getAttribute("aria-invalid"), "true");
  assert.ok((await field(page, name).getAttribute("aria-describedby")).split(" ").includes(`field-${name}-error`));
}

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

test("a token is asked for, and what is in it is shown", async (t) => {
  const service = await startService(t, playground);
  const { page, clean } = await openPlayground(t, browser, service.url);
  await field(page, "sessionName").fill("Räume 😀");
  await field(page, "role").fill("0");
  await openMore(page);
  await field(page, "geoRegions").fill("US, DE");
  await field(page, "expirationSeconds").fill("86400");
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 200);

  const claims = Object.fromEntries(await page.locator("#claims tr").evaluateAll((rows) => rows.map((row) => [row.cells[0].textContent, row.cells[1].textContent])));
  assert.equal(claims.app_key, '"sdk-key"');
  assert.equal(claims.role_type, "0role");
  assert.equal(claims.tpc, '"Räume 😀"sessionName');
  assert.equal(claims.geo_regions, '"US,DE"geoRegions');
  assert.match(claims.iat, /^\d+issued 3\d seconds ago/);
  assert.match(claims.exp, /^\d+expires in 24 hours/);
  assert.equal(await page.locator("#header").innerText(), 'alg\t"HS256"\ntyp\t"JWT"');
  assert.match(await statusLine(page).innerText(), /^200 OK\s+\d+ ms, request id [0-9a-f]{32}$/);

  // what is shown is what the service has answered: its log has the request, and a client may use the token
  const id = (await statusLine(page).innerText()).split(" ").pop();
  const line = await service.logged((entry) => entry.request_id === id);
  assert.equal(line.session_name, "Räume 😀");
  assert.match(await page.locator("#signature").textContent(), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  clean();
});

test("times go on while the page is open", async (t) => {
  const service = await startService(t, playground);
  const { page } = await openPlayground(t, browser, service.url);
  await page.clock.install();
  await page.reload();
  await page.getByLabel("role").waitFor();
  await field(page, "sessionName").press("Enter");
  await answered(page, 200);
  await page.clock.fastForward("04:00:00");
  await page.getByText("expired 2 hours ago").waitFor();
});

for (const width of [375, 1280]) {
  describe(`${width} px wide`, () => {
    test("a rule that is broken is said beside its field as one types, and unsaid when it is kept", async (t) => {
      const service = await startService(t, playground);
      const { page, clean } = await openPlayground(t, browser, service.url, { width });
      await openMore(page);
      const names = await page.locator("#form input").evaluateAll((inputs) => inputs.map((input) => input.name));
      assert.deepEqual(broken.map(([name]) => name).sort(), names.sort());
      for (const [name, text, rule] of broken) {
        const valid = await field(page, name).inputValue();
        await field(page, name).fill(text);
        assert.ok((await errorOf(page, name).textContent()).startsWith(rule), name);
        await besideItsField(page, name);
        await field(page, name).fill(valid);
        assert.equal(await errorOf(page, name).textContent(), "", name);
      }
      await field(page, "role").fill("");
      assert.equal(await errorOf(page, "role").textContent(), "must be 0 or 1, got nothing");
      assert.ok((await overflow(page)) <= 0, "the page scrolls sideways");
      clean();
    });

    test("the errors of an answer stand beside their fields, all at once, and the first has the focus", async (t) => {
      const service = await startService(t, playground);
      const { page, clean } = await openPlayground(t, browser, service.url, { width });
      await openMore(page);
      for (const [name, text] of broken) await field(page, name).fill(text);
      await page.locator("#more").evaluate((details) => (details.open = false));
      await page.getByRole("button", { name: "Send" }).click();
      await answered(page, 400);
      assert.equal(await focused(page), "field-role");
      assert.equal(await page.getByRole("alert").locator("li").count(), broken.length);
      await page.getByRole("alert").getByRole("link", { name: "geoRegions" }).click();
      assert.equal(await focused(page), "field-geoRegions");
      for (const [name, , rule, got] of broken) {
        assert.equal(await errorOf(page, name).textContent(), `${rule}, ${got}`);
        await besideItsField(page, name);
      }
      assert.ok((await overflow(page)) <= 0, "the page scrolls sideways");
      clean();
    });

    test("a page with an answer does not scroll sideways", async (t) => {
      const service = await startService(t, playground);
      const { page } = await openPlayground(t, browser, service.url, { width: Math.min(width, 320) });
      await page.getByRole("button", { name: "Send" }).click();
      await answered(page, 200);
      assert.ok((await overflow(page)) <= 0);
    });
  });
}

test("an error that only the service can find is shown too, beside its field or in the answer", async (t) => {
  const service = await startService(t, { ...playground, AUTH_POLICY: "request.role == 0" });
  const { page, clean } = await openPlayground(t, browser, service.url);
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 403);
  assert.match(await page.getByRole("alert").innerText(), /policy denied this request/);

  const errors = [{ property: "telemetryTrackingId", reason: "must be another" }];
  await page.route(`${service.url}/`, (route) => route.fulfill({ status: 400, json: { errors } }));
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 400);
  assert.equal(await focused(page), "field-telemetryTrackingId");
  await besideItsField(page, "telemetryTrackingId");
  clean();
});

test("an answer that is none of ours, and no answer at all, are told", async (t) => {
  const service = await startService(t, playground);
  const { page } = await openPlayground(t, browser, service.url);
  await page.route(`${service.url}/`, (route) => route.fulfill({ status: 502, body: "<h1>Bad gateway" }));
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 502);
  assert.match(await page.getByRole("alert").innerText(), /neither a token nor errors: <h1>Bad gateway/);
  await page.route(`${service.url}/`, (route) => route.abort());
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("The request could not be sent").waitFor();
});

test("the keyboard is enough", async (t) => {
  const service = await startService(t, playground);
  const { page, clean } = await openPlayground(t, browser, service.url);
  const order = [];
  for (let presses = 0; presses < 7; presses++) {
    await page.keyboard.press("Tab");
    order.push(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
  }
  assert.deepEqual(order, ["A", "A", "field-role", "field-sessionName", "field-userIdentity", "field-sessionKey", "SUMMARY"]);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "field-expirationSeconds");
  await page.keyboard.type("60");
  await page.keyboard.press("Enter");
  await answered(page, 400);
  assert.equal(await focused(page), "field-expirationSeconds");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("3600");
  await page.keyboard.press("Enter");
  await answered(page, 200);
  assert.equal(await page.getByRole("alert").innerText(), "");
  clean();
});

test("the code that is shown does what the page does", async (t) => {
  const service = await startService(t, playground);
  const { page, clean } = await openPlayground(t, browser, service.url);
  await field(page, "sessionName").fill(`it's "quoted" \\ $HOME`);
  const code = await page.locator("#fetch").textContent();
  const signature = await page.evaluate(`(async () => { ${code} return signature; })()`);
  assert.equal(claimsOf(signature).tpc, `it's "quoted" \\ $HOME`);

  const { execFileSync } = await import("node:child_process");
  const curl = await page.locator("#curl").textContent();
  const answer = JSON.parse(execFileSync("sh", ["-c", curl.replace("curl ", "curl -s ")], { encoding: "utf8" }));
  assert.equal(claimsOf(answer.signature).tpc, `it's "quoted" \\ $HOME`);

  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy the curl command" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), curl);
  clean();
});

test("the JavaScript that is shown throws what the endpoint answers where it gives no token", async (t) => {
  const service = await startService(t, playground);
  const { page, clean } = await openPlayground(t, browser, service.url);
  await field(page, "role").fill("2");
  const code = await page.locator("#fetch").textContent();
  const thrown = await page.evaluate(`(async () => { ${code} return signature; })().catch((error) => error.message)`);
  assert.deepEqual(JSON.parse(thrown).errors, [{ property: "role", reason: "must be 0 or 1, got a number out of range" }]);
  clean();
});

describe("a token that is pasted", () => {
  // signed with a secret that nobody here has
  const token = `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url")}.${Buffer.from('{"app_key":"another","tpc":"Räume","iat":1700000000,"exp":1700007200}').toString("base64url")}.c2lnbmF0dXJl`;
  const rows = (page, id) => page.locator(`#${id} tr`).evaluateAll((all) => all.map((row) => [row.cells[0].textContent, row.cells[1].textContent]));

  for (const [form, text] of [["alone", token], ["in an answer", `{"signature":"${token}"}`], ["with blanks around it", `\n ${token} \n`]]) {
    test(`${form}: it is decoded without the secret and sent nowhere`, async (t) => {
      const service = await startService(t, playground);
      const { page, clean } = await openPlayground(t, browser, service.url);
      let sent = 0;
      page.on("request", () => sent++);
      await page.getByLabel("token", { exact: true }).fill(text);
      const claims = Object.fromEntries(await rows(page, "pasted-claims"));
      assert.equal(claims.app_key, '"another"');
      assert.equal(claims.tpc, '"Räume"sessionName');
      assert.match(claims.exp, /^1700007200expired \d/);
      assert.deepEqual(await rows(page, "pasted-header"), [["alg", '"HS256"'], ["typ", '"JWT"']]);
      assert.match(await page.locator("#pasted-hint").innerText(), /signature is not checked/);
      assert.equal(sent, 0);
      await page.getByLabel("token", { exact: true }).fill("");
      assert.ok(await page.locator("#pasted-parts").isHidden());
      clean();
    });
  }

  for (const [name, text, want] of [["no dots", "abc", "three parts"], ["no JSON", "YWJj.YWJj.YWJj", "not a token"], ["text that is not base64url", "ä.ö.ü", "not a token"]]) {
    test(`${name}: what is wrong is said, and nothing is shown`, async (t) => {
      const service = await startService(t, playground);
      const { page, clean } = await openPlayground(t, browser, service.url);
      await page.getByLabel("token", { exact: true }).fill(token);
      await page.getByLabel("token", { exact: true }).fill(text);
      assert.ok((await page.locator("#pasted-error").textContent()).includes(want));
      assert.ok(await page.locator("#pasted-parts").isHidden());
      clean();
    });
  }

  test("its names are not broken in the middle of a word on a phone", async (t) => {
    const service = await startService(t, playground);
    const { page } = await openPlayground(t, browser, service.url, { width: 320 });
    await openMore(page);
    for (const [name, value] of [["userKey", "u"], ["cloudRecordingTranscriptOption", "1"], ["telemetryTrackingId", "t"]]) await field(page, name).fill(value);
    await page.getByRole("button", { name: "Send" }).click();
    await answered(page, 200);
    await page.getByLabel("token", { exact: true }).fill(await page.locator("#signature").textContent());
    // each part of a name, up to its underscore, stands on one line and within its own cell
    const broken = await page.evaluate(() => {
      const wrong = [];
      for (const cell of document.querySelectorAll("th")) {
        for (const part of cell.childNodes) {
          if (part.nodeType !== Node.TEXT_NODE) continue;
          const range = document.createRange();
          range.selectNode(part);
          const boxes = [...range.getClientRects()];
          if (boxes.length !== 1 || boxes[0].right > cell.getBoundingClientRect().right) wrong.push(part.textContent);
        }
      }
      return wrong;
    });
    assert.deepEqual(broken, []);
    assert.ok((await page.locator("th", { hasText: /^user_identity$/ }).count()) === 2);
    assert.ok((await overflow(page)) <= 0, "the page scrolls sideways");
  });
});

test("the page links to what helps when a client can't join", async (t) => {
  const service = await startService(t, playground);
  const { page } = await openPlayground(t, browser, service.url);
  const link = await page.getByRole("link", { name: "When a client can't join" }).getAttribute("href");
  const { existsSync } = await import("node:fs");
  assert.ok(existsSync(new URL(`../../${link.split("/blob/main/")[1]}`, import.meta.url)), link);
});

const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

test("with API keys on, a missing or wrong key is said at the sign-in field, and a good one gets a token", async (t) => {
  const { key, file } = makeAPIKey(t);
  const service = await startService(t, { ...playground, AUTH_API_KEYS_FILE: file });
  const { page, clean } = await openPlayground(t, browser, service.url);
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 401);
  assert.equal(await focused(page), "field-Authorization");
  assert.equal(await errorOf(page, "Authorization").textContent(), "must be sent: Bearer, one space, and an API key");
  await besideItsField(page, "Authorization");

  await field(page, "Authorization").fill("vsk_wrong");
  await page.keyboard.press("Enter");
  await errorOf(page, "Authorization").filter({ hasText: "must be an API key of this endpoint: this one is unknown or was revoked" }).waitFor();

  await field(page, "Authorization").fill(key);
  assert.equal(await field(page, "Authorization").getAttribute("type"), "password");
  await page.getByRole("button", { name: "Show Authorization" }).press("Space");
  assert.equal(await field(page, "Authorization").getAttribute("type"), "text");
  await page.getByRole("button", { name: "Send" }).click();
  await answered(page, 200);
  assert.ok(!(await page.locator("body").textContent()).includes(key), "the key is shown in the code");
  assert.match(await page.locator("#curl").textContent(), /Authorization: Bearer \$TOKEN/);

  assert.deepEqual(await page.evaluate(async () => [localStorage.length, sessionStorage.length, document.cookie, (await indexedDB.databases()).length]), [0, 0, "", 0]);
  await page.reload();
  await page.getByLabel("Authorization", { exact: true }).waitFor();
  assert.equal(await field(page, "Authorization").inputValue(), "");
  clean();
});

test("an open endpoint asks for no key", async (t) => {
  const service = await startService(t, playground);
  const { page } = await openPlayground(t, browser, service.url);
  assert.equal(await field(page, "Authorization").count(), 0);
});

test("with another TOKEN_PATH the page stays at /, and asks there", async (t) => {
  const service = await startService(t, { ...playground, TOKEN_PATH: "/video/token", TOKEN_MAX_TTL: "40m", TOKEN_DEFAULT_TTL: "31m" });
  const { page, clean } = await openPlayground(t, browser, service.url);
  await page.getByRole("button", { name: "Send POST /video/token" }).click();
  await answered(page, 200);
  await openMore(page);
  await field(page, "expirationSeconds").fill("2401");
  assert.equal(await errorOf(page, "expirationSeconds").textContent(), "must be a whole number from 1800 to 2400");
  clean();
});

test("the page cannot be framed, and no script of another may run in it", async (t) => {
  const service = await startService(t, playground);
  const { page } = await openPlayground(t, browser, service.url);
  const violated = await page.evaluate(
    () =>
      new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
        const script = document.createElement("img");
        script.src = "https://elsewhere.example/x.png";
        document.body.append(script);
      }),
  );
  assert.equal(violated, "img-src");
  const answer = await page.request.get(service.url);
  assert.match(answer.headers()["content-security-policy"], /frame-ancestors 'none'/);
  assert.equal(answer.headers()["x-content-type-options"], "nosniff");
});

test("without PLAYGROUND, GET / is JSON for people and programs", async (t) => {
  const service = await startService(t);
  const { page, clean } = await openPage(t, browser, service.url);
  assert.equal(JSON.parse(await page.locator("body").innerText()).request.method, "POST");
  assert.equal((await page.request.get(`${service.url}/playground/app.js`)).status(), 404);
  clean();
});
