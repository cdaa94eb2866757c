// The code of docs/clients.md is taken from the page and run: the web's in Chromium, with Zoom's own packages and a
// stand-in for Zoom's servers, the backends' against the service.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { register } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { launch, makeAPIKey, startService } from "./harness.js";

const run = promisify(execFile);
const here = new URL(".", import.meta.url).pathname;
const page = readFileSync(join(here, "../../docs/clients.md"), "utf8");
const files = Object.fromEntries([...page.matchAll(/<!-- file: (\S+) -->\n```\w+\n([\s\S]*?)```/g)].map(([, name, code]) => [name, code]));

// secret is the one that the harness gives to the service.
const secret = "hidden-secret-of-at-least-32-characters";
const sdk = JSON.parse(readFileSync(join(here, "node_modules/@zoom/videosdk/package.json"), "utf8")).version;

let browser, directory;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "videosdk-clients-"));
  for (const [name, code] of Object.entries(files)) writeFileSync(join(directory, name), code);
  // nothing but this machine can be reached
  browser = await launch("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
});
after(async () => {
  await browser.close();
  rmSync(directory, { recursive: true });
});

test("the page has the files that are tested, and no other", () => {
  assert.deepEqual(Object.keys(files).sort(), ["backend.go", "backend.mjs", "backend.py", "native.js", "token.js", "toolkit.js", "web.js"]);
});

const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

// listen serves on a free port until the test ends.
async function listen(t, handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

// --- the web

const types = { ".js": "text/javascript; charset=utf-8", ".wasm": "application/wasm", ".css": "text/css" };
const headers = (name) => ({ "Content-Type": types[extname(name)] ?? "application/octet-stream" });
const imports = {
  "@zoom/videosdk": "/node_modules/@zoom/videosdk/dist/index.esm.js",
  "@zoom/videosdk-ui-toolkit": "/toolkit-package.js",
  "@zoom/videosdk-ui-toolkit/dist/videosdk-ui-toolkit.css": "data:text/javascript,",
};
const app = `<!doctype html><title>app</title><script type="importmap">${JSON.stringify({ imports })}</script>
<script src="/node_modules/@zoom/videosdk-ui-toolkit/dist/videosdk-ui-toolkit.min.umd.js"></script>
<div id="session" style="width: 800px; height: 600px"></div>`;

// openApp opens an app that has the page's code, and Zoom's stand-in: it takes tokens as Zoom does, and names a media gateway.
async function openApp(t) {
  const origin = await listen(t, async (request, response) => {
    const { pathname } = new URL(request.url, "http://app");
    if (pathname === "/") return response.setHeader("Content-Type", "text/html; charset=utf-8").end(app);
    if (pathname === "/toolkit-package.js") return response.writeHead(200, headers(pathname)).end("export default window.UIToolkit;");
    const root = pathname.startsWith("/node_modules/") ? here : directory;
    const content = await readFile(join(root, pathname)).catch(() => null);
    response.writeHead(content ? 200 : 404, headers(pathname)).end(content);
  });
  const context = await browser.newContext();
  t.after(() => context.close());
  const zoom = { joined: null, gateway: null };
  zoom.reached = new Promise((resolve) => (zoom.gateway = resolve));
  const open = { "Access-Control-Allow-Origin": "*" };
  await context.route(/^https:/, async (route) => {
    const url = new URL(route.request().url());
    if (url.pathname === "/wc/lsdk") {
      zoom.joined = new URLSearchParams(route.request().postData());
      return route.fulfill({ json: answerOfZoom(zoom.joined), headers: open });
    }
    if (url.hostname === "gateway.zoom.us") zoom.gateway(url.pathname);
    const part = url.pathname.split(`/videosdk/${sdk}/lib/`)[1];
    if (part) return route.fulfill({ path: join(here, "node_modules/@zoom/videosdk/dist/lib", part), headers: { ...open, ...headers(part) } });
    return route.abort();
  });
  const view = await context.newPage();
  view.setDefaultTimeout(60_000);
  await view.goto(origin);
  return { view, zoom };
}

// answerOfZoom judges a token as Zoom does: its signature, its times, and the name of the session.
function answerOfZoom(asked) {
  const [header, payload, signature] = asked.get("zlk").split(".");
  const claims = claimsOf(asked.get("zlk"));
  const refused = (errorCode, errorMessage) => ({ status: false, errorCode, errorMessage, result: null });
  if (claims.app_key !== "sdk-key") return refused(300, "");
  if (createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url") !== signature) return refused(124, "Invalid signature.");
  const now = Date.now() / 1000;
  if (claims.iat > now || claims.exp < now || claims.version !== 1) return refused(124, "The java web token is expired or more than 2 days or ineffective.");
  if (![0, 1].includes(claims.role_type)) return refused(3000, "The role type error");
  if (Buffer.from(asked.get("topic"), "base64").toString() !== claims.tpc.toLowerCase()) return refused(124, "Parse lite sdk topic and pwd fail");
  const text = JSON.stringify;
  return {
    status: true,
    errorCode: 0,
    result: {
      mn: "1", ts: 1, auth: "a", track_auth: "a", mid: "a", tid: "a", encryptedRWC: text({ "gateway.zoom.us": "a" }), encryptedGEORWC: text({}),
      meetingOptions: text({}), websdkClientFeatureOptions: text({}), mediaFeatureOptions: text({}),
    },
  };
}

// joinFromWeb calls web.js in the page, and returns what it throws.
const joinFromWeb = (view, options) =>
  view.evaluate(async (options) => {
    const { join } = await import("/web.js");
    return join(options).then(() => "joined", ({ message, status }) => (status === undefined ? { message } : { message, status }));
  }, options);

const alice = { sessionName: "Cool Cars", userName: "Alice" };

test("Web SDK: the token takes the app to Zoom's media gateway", async (t) => {
  const { key, file } = makeAPIKey(t);
  const service = await startService(t, { AUTH_API_KEYS_FILE: file });
  const { view, zoom } = await openApp(t);
  const joining = joinFromWeb(view, { endpoint: service.url, bearer: key, ...alice, role: 1 });
  assert.match(await zoom.reached, /^\/wc\/ping\//);
  const { tpc, role_type, video_webrtc_mode } = claimsOf(zoom.joined.get("zlk"));
  assert.deepEqual([tpc, role_type, video_webrtc_mode], ["Cool Cars", 1, 1]);
  // there is no gateway behind the stand-in
  assert.deepEqual(await joining, { message: "JOIN_MEETING_FAILED: connection error (200)" });
});

for (const [name, env, options, wanted] of [
  ["what the endpoint refuses", {}, { role: 5 }, { message: "role must be 0 or 1, got a number out of range", status: 400 }],
  ["another app's secret", { ZOOM_VIDEO_SDK_SECRET: "another-secret-of-at-least-32-characters" }, {}, { message: "JOIN_MEETING_FAILED: Verify JWT failed (200)" }],
  ["another app's key", { ZOOM_VIDEO_SDK_KEY: "another-key" }, {}, { message: "JOIN_MEETING_FAILED: This account does not exist or does not belong to you (200)" }],
  ["no name", {}, { sessionName: "" }, { message: "sessionName must be a string of 1 to 200 characters, got 0", status: 400 }],
]) {
  test(`Web SDK: the app learns of ${name}`, async (t) => {
    const service = await startService(t, env);
    const { view } = await openApp(t);
    assert.deepEqual(await joinFromWeb(view, { endpoint: service.url, ...alice, ...options }), wanted);
  });
}

test("Web SDK: what an app sees that passes undefined, or the token of another session", async (t) => {
  const service = await startService(t);
  const { view } = await openApp(t);
  const outcomes = await view.evaluate(async (endpoint) => {
    const { default: ZoomVideo } = await import("@zoom/videosdk");
    const { fetchToken } = await import("/token.js");
    const client = ZoomVideo.createClient();
    await client.init("en-US", "Global", { patchJsMedia: true });
    const join = (...sent) => client.join(...sent).catch(({ type, reason, errorCode }) => ({ type, reason, errorCode }));
    return [await join("Cool Cars", undefined, "Alice"), await join("Other Cars", await fetchToken(endpoint, { sessionName: "Cool Cars", role: 0 }), "Alice")];
  }, service.url);
  assert.deepEqual(outcomes[0], { type: "INVALID_PARAMETERS", reason: "Topic, token and userName must be string and required", errorCode: 5013 });
  assert.deepEqual(outcomes[1], { type: "JOIN_MEETING_FAILED", reason: "Topic is invalid", errorCode: 200 });
});

for (const [name, env, wanted] of [
  ["the token takes the app to Zoom's media gateway", {}, "JOIN_MEETING_FAILED: connection error (200)"],
  ["the app learns why Zoom refuses", { ZOOM_VIDEO_SDK_SECRET: "another-secret-of-at-least-32-characters" }, "JOIN_MEETING_FAILED: Verify JWT failed (200)"],
]) {
  test(`UI Toolkit: ${name}`, async (t) => {
    const service = await startService(t, env);
    const { view, zoom } = await openApp(t);
    const message = await view.evaluate(
      ([endpoint, alice]) =>
        new Promise((resolve, reject) => {
          import("/toolkit.js")
            .then(({ join }) => join(document.getElementById("session"), { endpoint, ...alice, onError: (error) => resolve(error.message) }))
            .catch(reject);
        }),
      [service.url, alice],
    );
    assert.equal(message, wanted);
    assert.equal(claimsOf(zoom.joined.get("zlk")).tpc, "Cool Cars");
    if (Object.keys(env).length === 0) assert.match(await zoom.reached, /^\/wc\/ping\//);
    await view.getByText("Join Session Failed").waitFor();
  });
}

// --- token.js, wherever it runs

test("token.js asks again where that can help, and says why where it can't", async (t) => {
  const { fetchToken, TokenError } = await import(pathToFileURL(join(directory, "token.js")));
  const answers = (list) => listen(t, (_, response) => {
    const [status, body, more] = list.length > 1 ? list.shift() : list[0];
    response.writeHead(status, { "Content-Type": "application/json", ...more }).end(body);
  });
  const busy = [503, '{"errors":[{"property":"server","reason":"is shutting down"}]}'];
  assert.equal(await fetchToken(await answers([busy, [200, '{"signature":"a.b.c"}']]), {}), "a.b.c");
  assert.equal(await fetchToken(await answers([[429, "{}", { "Retry-After": "1" }], [502, "<html>"], [200, '{"signature":"a.b.c"}']]), {}), "a.b.c");
  const refused = [403, '{"errors":[{"property":"policy","reason":"denied this request"}]}'];
  await assert.rejects(fetchToken(await answers([refused]), {}), (error) => error instanceof TokenError && error.status === 403 && error.message === "policy denied this request");
  await assert.rejects(fetchToken("http://127.0.0.1:1", {}), (error) => error.status === 0 && error.message.startsWith("endpoint does not answer"));
  // a redirect makes a GET of the POST; the service answers that with 200
  const service = await startService(t);
  const moved = await listen(t, (_, response) => response.writeHead(301, { Location: service.url }).end());
  await assert.rejects(fetchToken(moved, { sessionName: "a", role: 0 }), /this request came as GET/);
});

// --- React Native, with stand-ins for React and the SDK

test("React Native: the token, and all that the SDK reads, reach joinSession", async (t) => {
  const sources = {
    react: "export const useEffect = (effect) => effect();",
    "@zoom/react-native-videosdk": "export const EventType = { onError: 'onError' }; export const useZoom = () => globalThis.zoomForTest;",
  };
  const loader = `const sources = ${JSON.stringify(sources)};
    export const resolve = (name, context, next) => sources[name] ? { url: "data:text/javascript," + encodeURIComponent(sources[name]), shortCircuit: true } : next(name, context);`;
  register(`data:text/javascript,${encodeURIComponent(loader)}`);
  writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  const service = await startService(t);
  const events = {}, errors = [];
  let joined;
  globalThis.zoomForTest = {
    addListener: (event, handler) => ((events[event] = handler), { remove() {} }),
    joinSession: async (config) => (joined = config),
  };
  const { useJoin } = await import(pathToFileURL(join(directory, "native.js")));
  await useJoin({ endpoint: service.url, onError: (error) => errors.push(error.message) })(alice);
  assert.deepEqual([joined.sessionName, joined.userName, claimsOf(joined.token).tpc], ["Cool Cars", "Alice", "Cool Cars"]);
  events.onError({ errorType: "ZoomVideoSDKError_JoinSession_Invalid_SessionToken" });
  assert.deepEqual(errors, ["ZoomVideoSDKError_JoinSession_Invalid_SessionToken"]);
});

// --- backends

const backends = {
  "backend.mjs": () => ["node", ["--input-type=module", "-e", `import { tokenFor } from ${JSON.stringify(pathToFileURL(join(directory, "backend.mjs")))}; console.log(await tokenFor("user-7", "Cool Cars", { host: true }));`]],
  "backend.py": () => ["python3", ["-c", `import sys; sys.path.insert(0, ${JSON.stringify(directory)}); from backend import token_for; print(token_for("user-7", "Cool Cars", host=True))`]],
  "backend.go": () => {
    const module = join(directory, "go");
    mkdirSync(join(module, "tokens"), { recursive: true });
    writeFileSync(join(module, "go.mod"), "module example\n\ngo 1.24\n");
    writeFileSync(join(module, "tokens/backend.go"), files["backend.go"]);
    writeFileSync(join(module, "main.go"), `package main

import (
	"context"
	"fmt"
	"os"

	"example/tokens"
)

func main() {
	c := tokens.Client{Endpoint: os.Getenv("TOKEN_ENDPOINT"), Key: os.Getenv("TOKEN_API_KEY")}
	token, err := c.TokenFor(context.Background(), "user-7", "Cool Cars", true)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(token)
}
`);
    return ["go", ["run", "-C", module, "."]];
  },
};

for (const [name, command] of Object.entries(backends)) {
  test(`${name} asks for one of its users`, async (t) => {
    const { key, file } = makeAPIKey(t);
    const service = await startService(t, { AUTH_API_KEYS_FILE: file, AUTH_POLICY: 'caller.method == "api_key" && request.userKey != ""' });
    const [program, args] = command();
    const ask = (bearer) => run(program, args, { env: { ...process.env, TOKEN_ENDPOINT: service.url, TOKEN_API_KEY: bearer } });
    const { tpc, role_type, user_key, exp, iat } = claimsOf((await ask(key)).stdout.trim());
    assert.deepEqual([tpc, role_type, user_key, exp - iat], ["Cool Cars", 1, "user-7", 1800]);
    await assert.rejects(ask("vsk_another"), ({ stderr }) => /no token: 401/.test(stderr) && /Authorization/.test(stderr));
  });
}
