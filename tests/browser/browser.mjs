// Debian's Chromium, for the tests.
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const screens =
  process.env.WARREN_SCREENS ?? fileURLToPath(new URL("../../build/test-results/screens", import.meta.url));
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const sizes = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** A browser with a temporary profile. */
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), "warren-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    ignoreHTTPSErrors: true, // the appliance's certificate is self-signed
    viewport: sizes.desk,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  context.on("close", () => rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
  return context;
}

/** Errors of the page: scripts, the content security policy, requests to hosts other than `origin`. */
export function complaintsOf(page, origin) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/Failed to load resource|ERR_/.test(text)) complaints.push(`console: ${text}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:"))
      complaints.push(`elsewhere: ${request.url()}`);
  });
  return complaints;
}

export async function logIn(page, origin, user, password = user) {
  await page.goto(`${origin}/`);
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
}

/** Goes to `hash` without reloading the page. */
export async function visit(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
}

export async function shoot(page, name, options = {}) {
  mkdirSync(screens, { recursive: true });
  await page.screenshot({ path: join(screens, `${name}.png`), ...options });
}

/** Serious and critical findings of axe-core, as lines. The debugger injects its script, past the page's policy. */
export async function axeFindings(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return result.violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .flatMap((violation) =>
      violation.nodes.map(
        (node) => `${violation.id}: ${violation.help}: ${node.target.join(" ")}: ${node.failureSummary ?? ""}`,
      ),
    );
}

/** By how many pixels the page is wider than the screen. */
export function overflowOf(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
