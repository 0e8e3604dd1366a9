// The page as ./run shows it: real tunnels of two companies with the same addresses, over real HTTPS. Runs as root in a
// room of its own (tests/lab/room).
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { axeFindings, complaintsOf, launch, logIn, overflowOf, shoot, sizes, visit } from "./browser.mjs";

const script = fileURLToPath(new URL("../../demo/demo.py", import.meta.url));
const pages = {
  overview: "#/",
  customers: "#/customers",
  customer: "#/customers/acme",
  peer: "#/customers/acme/peers/graz",
  events: "#/events",
  system: "#/system",
};
// The demo has an office with IPsec where strongSwan is installed.
const offices = ["/usr/sbin/charon-systemd", "/usr/sbin/swanctl"].every((file) => existsSync(file)) ? 3 : 2;
const idleAfter = 180_000; // without a handshake; the server checks every 2 s

let demo;
let origin;
let password;
let browser;
let page;
let complaints;
let silencedAt;

/** Starts the demo; resolves with its output once it is up. */
async function startDemo() {
  const state = join(mkdtempSync(join(tmpdir(), "warren-demo-")), "state");
  demo = spawn("/usr/bin/python3", [script], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, WARREN_DEMO_STATE: state },
  });
  let said = "";
  demo.stdout.setEncoding("utf8");
  for await (const text of demo.stdout.iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.includes("Press Ctrl-C")) break;
  }
  demo.stdout.resume();
  return said;
}

before(async () => {
  const said = await startDemo();
  const shown = /(https:\/\/[\d.]+:\d+)\/\s+user demo, password (\S+)/.exec(said);
  assert.ok(shown, `the demo names no status page:\n${said}`);
  [, origin, password] = shown;
  browser = await launch();
  page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(20_000);
  complaints = complaintsOf(page, origin);
  await logIn(page, origin, "demo", password);
});

after(async () => {
  await browser?.close();
  if (demo?.exitCode === null) {
    demo.kill("SIGINT");
    await once(demo, "exit");
  }
});

const heading = (name) => page.getByRole("heading", { level: 1, name });
const rowOf = (name) => page.locator(".windowed tbody tr[role=row]", { hasText: name });

test("both companies are up with all their offices", async () => {
  await page.locator("[data-test=live]", { hasText: "Live" }).waitFor();
  await visit(page, "#/customers");
  for (const [name, id] of [
    ["Acme Ltd", "acme"],
    ["Globex Ltd", "globex"],
  ]) {
    await rowOf(name).locator(".badge", { hasText: "Up" }).waitFor();
    assert.match(await rowOf(name).innerText(), new RegExp(`${id}[\\s\\S]*${offices} of ${offices}`));
  }
});

test("a customer is found, without peers of the other", async () => {
  await page.locator("body").press("/");
  await page.keyboard.type("glob");
  await page.getByText("1 match", { exact: true }).waitFor();
  await rowOf("Globex Ltd").locator(".row-link").press("Enter");
  await heading("Globex Ltd").waitFor();
  await rowOf("bergen").locator(".badge", { hasText: "Online" }).waitFor();
  assert.equal(await rowOf("graz").count(), 0);
});

test("a client stops, to become idle later", async () => {
  execFileSync("ip", ["-n", "demo-globex-bergen", "link", "del", "wg-glob-bergen"]);
  silencedAt = Date.now();
});

test("live traffic is shown, and the chart moves", async () => {
  await visit(page, "#/customers/acme");
  await page.locator(".figure .rate-in", { hasText: /[kM]bit\/s/ }).waitFor();
  const canvas = page.locator(".plot canvas");
  await canvas.waitFor();
  const first = await canvas.screenshot();
  let moved = false;
  for (let i = 0; i < 60 && !moved; i += 1) {
    await page.waitForTimeout(500);
    moved = !(await canvas.screenshot()).equals(first);
  }
  assert.ok(moved);
  assert.match(await page.locator("[data-test=peak]").innerText(), /[kM]bit\/s/);
});

test("every page is accessible and fits, in both sizes and both schemes", async () => {
  for (const [size, width] of [
    ["desk", 1280],
    ["phone", 390],
  ]) {
    await page.setViewportSize(sizes[size]);
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const [name, hash] of Object.entries(pages)) {
        await visit(page, hash);
        await page.locator("h1").waitFor();
        await page.waitForFunction(() => !document.querySelector("main .loading, main td .skeleton"));
        if (["customer", "peer", "overview"].includes(name)) await page.locator(".plot canvas").waitFor();
        await shoot(page, `demo-${name}-${width}-${scheme}`, { fullPage: true });
        assert.equal(await overflowOf(page), 0, `${name} is wider than ${width} px`);
        assert.deepEqual(await axeFindings(page), [], `${name} ${width} ${scheme}`);
      }
    }
  }
  await page.setViewportSize(sizes.desk);
  await page.emulateMedia({ colorScheme: "light" });
});

test("the stopped client changes from online to idle", async () => {
  await visit(page, "#/customers/globex");
  await rowOf("bergen").waitFor();
  const left = Math.max(0, silencedAt + idleAfter - Date.now());
  await rowOf("bergen")
    .locator(".badge", { hasText: "Idle" })
    .waitFor({ timeout: left + 15_000 });
  await rowOf("oslo").locator(".badge", { hasText: "Online" }).waitFor();
  await page.locator(".page-state .badge", { hasText: "Degraded" }).waitFor();
  await page.locator(".event", { hasText: "Idle" }).first().waitFor();
  await shoot(page, "demo-idle-1280-light");
  await visit(page, "#/customers/globex/peers/bergen");
  await page.locator(".band-idle").waitFor();
  await shoot(page, "demo-idle-peer-1280-light", { fullPage: true });
});

test("no script error, no breach of the policy, no request to another host", () => {
  assert.deepEqual(complaints, []);
});
