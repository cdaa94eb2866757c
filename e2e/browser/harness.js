// What the tests share: the service's binary, a browser, and a page that is watched.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const binary = new URL("bin/videosdk-auth-endpoint", import.meta.url).pathname;

// startService runs the binary until the test ends.
export async function startService(t, env = {}) {
  const directory = mkdtempSync(join(tmpdir(), "videosdk-"));
  const child = spawn(binary, {
    cwd: directory,
    env: { PORT: "0", ZOOM_VIDEO_SDK_KEY: "sdk-key", ZOOM_VIDEO_SDK_SECRET: "hidden-secret-of-at-least-32-characters", LOG_FORMAT: "json", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  });
  const log = [];
  const lines = createInterface({ input: child.stdout }).on("line", (text) => log.push(JSON.parse(text)));
  // logged waits for a line of the log: it is written some milliseconds after what it tells of
  const logged = async (wanted) => {
    while (!log.some(wanted)) await Promise.race([once(lines, "line"), ended.then(() => assert.fail("the service ended"))]);
    return log.find(wanted);
  };
  const { address } = await logged((line) => line.message === "listening");
  return { url: `http://127.0.0.1:${address.split(":").pop()}`, log, logged };
}

// makeAPIKey returns a key, and a file that makes the service know it.
export function makeAPIKey(t) {
  const directory = mkdtempSync(join(tmpdir(), "videosdk-keys-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const [key, line] = execFileSync(binary, ["apikey", "backend"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n");
  writeFileSync(join(directory, "keys"), line);
  return { key, file: join(directory, "keys") };
}

export const launch = (...more) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...more],
  });

// openPage opens a page and watches it: when the test ends, it must have asked no other origin and broken no policy.
export async function openPage(t, browser, url, { width = 1280, height = 900, dark = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const wrong = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(`${new URL(url).origin}/`)) wrong.push(`asked ${request.url()}`);
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    // an answer of 4xx is what some tests want
    if (!message.text().startsWith("Failed to load resource: the server responded with a status of 4")) wrong.push(message.text());
  });
  await page.goto(url, { waitUntil: "load" });
  return { page, clean: () => assert.deepEqual(wrong, []) };
}

// openPlayground opens the page and waits until its form is there.
export async function openPlayground(t, browser, url, options) {
  const opened = await openPage(t, browser, url, options);
  await opened.page.getByLabel("role").waitFor();
  return opened;
}

export const statusLine = (page) => page.locator("#status");

// answered waits for the answer to what was sent.
export const answered = (page, status) => page.locator("#status", { hasText: new RegExp(`^${status} `) }).waitFor();
