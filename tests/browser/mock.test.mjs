// The page against the stand-in server with 10,000 invented customers.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { axeFindings, complaintsOf, launch, logIn, overflowOf, shoot, sizes, visit } from "./browser.mjs";

const server = fileURLToPath(new URL("../../web/ui/mock/server.mjs", import.meta.url));
const pages = {
  overview: "#/",
  customers: "#/customers",
  customer: "#/customers/globex",
  peer: "#/customers/globex/peers/oslo",
  connections: "#/customers/acme",
  connection: "#/customers/acme/connections/steyr",
  events: "#/events",
  changes: "#/changes",
  system: "#/system",
};

let origin;
let mock;
let browser;
let page;
let complaints;

before(async () => {
  mock = spawn(process.execPath, [server, "0", "10000"], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await Promise.race([once(mock.stdout, "data"), once(mock, "exit")]);
  origin = /http:\/\/[\d.]+:\d+/.exec(said)?.[0];
  assert.ok(origin, `the stand-in server did not start: ${said}`);
  browser = await launch();
  page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(15_000);
  complaints = complaintsOf(page, origin);
});

after(async () => {
  await browser?.close();
  mock?.kill();
});

const happen = (what) => fetch(`${origin}/mock/${what}`, { method: "POST" });
const rowsDrawn = () => page.locator(".windowed tbody tr[role=row]").count();
const heading = (name) => page.getByRole("heading", { level: 1, name });

test("a wrong password is refused, the right one is accepted", async () => {
  await page.goto(`${origin}/`);
  await heading("demo-hub").waitFor();
  await shoot(page, "login-1280-light");
  assert.deepEqual(await axeFindings(page), []);
  await page.getByLabel("User").fill("operator");
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "Wrong user or password." }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "password");
  await logIn(page, origin, "operator");
  await page.locator("[data-test=live]", { hasText: "Live" }).waitFor();
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
        await page.waitForFunction(
          () => !document.querySelector("main .loading, main td .skeleton") && document.querySelector("main"),
        );
        if (!["customers", "events", "changes", "system"].includes(name)) await page.locator(".plot canvas").waitFor();
        await shoot(page, `${name}-${width}-${scheme}`, { fullPage: !["customers", "events"].includes(name) });
        assert.equal(await overflowOf(page), 0, `${name} is wider than ${width} px`);
        assert.deepEqual(await axeFindings(page), [], `${name} ${width} ${scheme}`);
      }
    }
  }
  await page.setViewportSize(sizes.desk);
  await page.emulateMedia({ colorScheme: "light" });
});

test("the first of 10,000 customers appear soon after loading", async (t) => {
  await page.goto("about:blank");
  const started = Date.now();
  await page.goto(`${origin}/#/customers`);
  await page.locator(".row-link").first().waitFor();
  const took = Date.now() - started;
  t.diagnostic(`time to first data: ${took} ms`);
  await page.getByText("10,000 customers").waitFor();
});

test("10,000 customers scroll to the end with few rows drawn and little processor time per frame", async (t) => {
  const debug = await browser.newCDPSession(page);
  // Processor time, so that a busy machine does not count.
  await debug.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await debug.send("Performance.getMetrics");
    return metrics
      .filter(({ name }) => ["ScriptDuration", "LayoutDuration", "RecalcStyleDuration"].includes(name))
      .reduce((sum, { value }) => sum + value, 0);
  };
  const scroll = (from, step, frames) =>
    page.evaluate(
      async ([from, step, frames]) => {
        for (let frame = 0; frame < frames; frame += 1) {
          scrollTo(0, from + frame * step);
          await new Promise(requestAnimationFrame);
        }
      },
      [from, step, frames],
    );
  for (const [how, step, frames, most] of [
    ["by the wheel", 120, 100, 50],
    ["by dragging the bar", 5500, 101, 150], // every frame shows other rows
  ]) {
    const before = await spent();
    await scroll(0, step, frames);
    const perFrame = ((await spent()) - before) * (1000 / frames);
    t.diagnostic(`${how}: ${perFrame.toFixed(1)} ms of script, style and layout per frame`);
    assert.ok(perFrame < most, `${how}: ${perFrame} ms`);
    assert.ok((await rowsDrawn()) < 60);
  }
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.locator("tbody tr[aria-rowindex='10001'] .row-link").waitFor();
  await debug.detach();
});

test("a customer is found with the keyboard alone", async () => {
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator("body").press("/");
  await page.keyboard.type("globex");
  await page.getByText("1 match", { exact: true }).waitFor();
  assert.match(page.url(), /q=globex/);
  let steps = 0;
  while ((await page.evaluate(() => document.activeElement?.className)) !== "row-link ellipsis") {
    await page.keyboard.press("Tab");
    assert.ok((steps += 1) < 30, "no Tab leads to the row");
  }
  await page.keyboard.press("Enter");
  await heading("Globex Ltd").waitFor();
  assert.equal(
    await page.evaluate(() => document.activeElement?.tagName),
    "H1",
    "the new page's heading has the focus",
  );
});

test("the skip link skips the header", async () => {
  await page.evaluate(() => document.activeElement?.blur());
  await page.goto(`${origin}/#/events`);
  await page.reload();
  await heading("Events").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  assert.match(page.url(), /#\/events$/);
});

test("filters and sorting go to the server and into the address", async () => {
  await visit(page, "#/customers");
  await page.getByRole("button", { name: /^Down/ }).click();
  await page.waitForFunction(() =>
    /matches/.test(document.querySelector(".page-head [role=status]")?.textContent ?? ""),
  );
  assert.match(page.url(), /state=down/);
  await page.waitForFunction(() =>
    [...document.querySelectorAll("tbody .badge")].every((badge) => badge.textContent === "Down"),
  );
  await page.getByRole("button", { name: "Drops" }).click();
  assert.match(page.url(), /sort=drops&order=desc/);
  await page.waitForFunction(() => document.querySelector("[aria-sort=descending]")?.textContent?.startsWith("Drops"));
  await page.getByRole("searchbox").fill("no such customer");
  await page.getByText("No customer matches").waitFor();
  await shoot(page, "no-match-1280-light");
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByText("10,000 customers").waitFor();
});

test("a peer that becomes idle is shown and announced", async () => {
  await visit(page, "#/customers/acme");
  await page.locator("tbody .badge", { hasText: "Online" }).first().waitFor();
  await happen("turn?customer=acme&peer=linz&state=idle");
  await page.locator("tbody tr", { hasText: "linz" }).locator(".badge", { hasText: "Idle" }).waitFor();
  await page.locator(".page-state .badge", { hasText: "Degraded" }).waitFor();
  await page.locator(".event", { hasText: "No handshake for 180 s" }).first().waitFor();
  await page.waitForFunction(() => /linz/.test(document.querySelector("[aria-live]")?.textContent ?? ""));
  await visit(page, "#/customers/acme/peers/linz");
  await page.locator(".page-state .badge", { hasText: "Idle" }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".band-online, .band-idle").length >= 2);
  await happen("turn?customer=acme&peer=linz&state=online");
});

test("a hint explains online, idle and never", async () => {
  const hint = page.getByRole("button", { name: "What this state means" });
  await hint.focus();
  const bubble = page.getByRole("tooltip");
  assert.match(await bubble.innerText(), /handshake was within 180 seconds.*24 hours/);
  const box = await bubble.boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= sizes.desk.width);
  await page.keyboard.press("Escape");
  assert.equal(await bubble.count(), 0);
});

test("the chart moves", async () => {
  await visit(page, "#/customers/globex");
  const canvas = page.locator(".plot canvas");
  await canvas.waitFor();
  const before = await canvas.screenshot();
  let moved = false;
  for (let i = 0; i < 60 && !moved; i += 1) {
    await page.waitForTimeout(500);
    moved = !(await canvas.screenshot()).equals(before);
  }
  assert.ok(moved);
  const reach = page.getByRole("group", { name: "Time shown" });
  await reach.getByRole("button", { name: "24 h" }).click();
  await page.getByRole("img", { name: /over the last 24 hours: now / }).waitFor();
  await reach.getByRole("button", { name: "30 d" }).click();
  await page.getByRole("img", { name: /over the last 30 days: now / }).waitFor();
});

test("an outage is listed while it lasts, and with its end afterwards", async () => {
  await visit(page, "#/customers/acme");
  await page.locator(".card", { hasText: "Outages" }).first().waitFor();
  await happen("turn?customer=acme&peer=linz&state=idle");
  const lasting = page.locator("tr", { hasText: "goes on" }).filter({ hasText: "linz" });
  await lasting.waitFor();
  await happen("turn?customer=acme&peer=linz&state=online");
  await lasting.waitFor({ state: "detached" });
  assert.ok((await page.locator("tr", { hasText: "silent" }).filter({ hasText: "linz" }).count()) > 0);
});

test("the overview has what ends soon, and the pages how much of a limit is used", async () => {
  await visit(page, "#/");
  const soon = page.getByRole("region", { name: "Ends soon" });
  const rows = soon.getByRole("listitem");
  await rows.first().waitFor();
  assert.deepEqual(await rows.allTextContents(), [
    "sites · quota spent: 64.0 Mbit/s each way2.00 TiB of 2.00 TiB (100 %) this month",
    "acme / linz · quota nearly spent49.0 GiB of 50.0 GiB (98 %) this month",
    "acme · quota nearly spent412 GiB of 500 GiB (82 %) this month",
    "acme / graz · expires in 5 d 23 h",
  ]);
  await soon.getByRole("link", { name: "linz" }).click();
  await heading("linz").waitFor();
  await page.getByText("49.0 GiB of 50.0 GiB (98 %)").waitFor();
  await page.getByText("up 20.0 Mbit/s, down no limit").waitFor();
  await visit(page, "#/customers/acme");
  const limits = page.getByRole("region", { name: "Limits" });
  await limits.getByText("412 GiB of 500 GiB (82 %)").waitFor();
  await limits.getByText("2 of 5,000").waitFor();
  const peers = page.getByRole("table", { name: "Peers" });
  await peers.getByText("expires in 5 d 23 h").waitFor();
  await peers.getByText("the office").waitFor();
  const more = page.getByRole("region", { name: "More on the appliance" });
  await more.getByText("vpnctl why acme").waitFor();
});

test("a test link, an incomplete stack and two machines with one key are told where they matter", async () => {
  await visit(page, "#/customers?q=globex");
  await page.locator("tbody .badge", { hasText: "Test link" }).waitFor();
  await visit(page, "#/customers/globex");
  const link = page.getByRole("region", { name: "Test link" });
  await link.getByText("To its sites: delay 50 ms ± 5 ms, loss 1 %, rate 20.0 Mbit/s.").waitFor();
  await page.getByRole("region", { name: "Alarms" }).getByText("globex: the device br0 does not exist").waitFor();
  await visit(page, "#/customers/globex/peers/bergen");
  await page.getByRole("region", { name: "Shared key" }).getByText("198.51.100.77:51820").waitFor();
  await page.getByText("192.168.1.0/24 is 10.0.2.0/24 here").waitFor();
});

test("the page of a connection is marked in the navigation", async () => {
  await visit(page, "#/customers/acme/connections/steyr");
  await heading("steyr").waitFor();
  assert.equal(await page.locator(".nav [aria-current=page]").textContent(), "Customers");
});

test("a search lists the peers that have the text", async () => {
  await visit(page, "#/customers?q=oslo");
  await page.getByRole("heading", { name: "Peers and connections" }).waitFor();
  await page.getByRole("link", { name: "oslo", exact: true }).click();
  await heading("oslo").waitFor();
});

test("connections are beside the peers, with their state, and why one is not served", async () => {
  await visit(page, "#/customers/acme");
  const table = page.getByRole("table", { name: "IPsec connections" });
  await table.getByRole("link", { name: "steyr" }).waitFor();
  const badge = (name) => table.locator("tbody tr", { hasText: name }).locator(".badge");
  for (const [name, word] of [
    ["steyr", "Up"],
    ["wels", "Listening"],
    ["krems", "Down"],
    ["villach", "Connecting"],
    ["people", "Not served"],
  ])
    assert.equal(await badge(name).textContent(), word);
  assert.match(await badge("people").getAttribute("title"), /^Not served: this version has no /);
  await page.getByRole("region", { name: "Connections up" }).getByText("1 of 5").waitFor();
  await page.getByRole("table", { name: "Peers" }).getByRole("link", { name: "graz" }).waitFor();
});

test("a connection has its SAs, is reached by keyboard, and its loss is shown, told and announced", async () => {
  await visit(page, "#/customers/acme");
  await page.getByRole("link", { name: "steyr" }).first().focus();
  await page.keyboard.press("Enter");
  await heading("steyr").waitFor();
  await page.getByText("0123456789abcdef_i fedcba9876543210_r").waitFor();
  const child = page.getByRole("table").locator("tbody tr", { hasText: "c0ffee01 in" });
  await child.getByText("10.0.0.0/24").waitFor();
  await happen("turn?customer=acme&connection=steyr&state=down");
  await page.locator(".page-state .badge", { hasText: "Down" }).waitFor();
  await page.getByText("No IKE SA", { exact: true }).waitFor();
  await page.locator(".event", { hasText: "The peer does not answer any more" }).first().waitFor();
  await page.waitForFunction(() => /steyr/.test(document.querySelector("[aria-live]")?.textContent ?? ""));
  await page.getByRole("link", { name: "All events" }).click();
  await page.getByRole("button", { name: "Only connection steyr" }).waitFor();
  await page.locator(".event").first().getByRole("link", { name: "steyr" }).click();
  await heading("steyr").waitFor();
  await happen("turn?customer=acme&connection=steyr&state=up");
  await page.locator(".page-state .badge", { hasText: "Up" }).waitFor();
  await page.getByText("0123456789abcdef_i").waitFor();
});

test("3,000 connections of one customer are drawn as they are scrolled to, searched and filtered", async () => {
  await visit(page, "#/customers/sites");
  await page.getByText("3,000 connections").waitFor();
  assert.ok((await rowsDrawn()) < 80);
  await page.getByRole("searchbox", { name: "Search connections" }).fill("site-2718");
  await page.getByText("1 match", { exact: true }).waitFor();
  await page.getByRole("link", { name: "site-2718" }).waitFor();
  await page.getByRole("searchbox", { name: "Search connections" }).fill("");
  await page.getByText("3,000 connections").waitFor();
  await page.getByRole("button", { name: "Listening" }).click();
  await page.getByText(/^\d+ matches$/).waitFor();
  const words = await page.getByRole("table", { name: "IPsec connections" }).locator("tbody .badge").allTextContents();
  assert.deepEqual(new Set(words), new Set(["Listening"]));
});

test("the System page shows the load of each worker and of vpnd", async () => {
  await visit(page, "#/system");
  await page.getByText("71 % of a core now").waitFor();
  const rows = page.getByRole("table", { name: "Data workers" }).getByRole("row");
  assert.deepEqual(await rows.nth(2).getByRole("cell").allTextContents(), ["1", "24 %", "1,204,331", "120", "7"]);
  await page.getByText("135 MiB").waitFor();
});

test("refused senders are on the System page, and on a customer's page those that claim to be its peers", async () => {
  const rows = page.getByRole("list", { name: "Refused senders" }).getByRole("listitem");
  await visit(page, "#/system");
  await rows.first().waitFor();
  const texts = await rows.allTextContents();
  assert.equal(texts.length, 3);
  assert.match(texts[0], /^17 messages203\.0\.113\.9:40211A handshake message .*bad_mac1, last .* ago, first .* ago$/);
  assert.match(texts[1], /198\.51\.100\.200:51820 as acme \/ graz, key .{8}…A handshake initiation /);
  assert.match(texts[2], /\[2001:db8::7\]:51820 as gN65BkIK…A handshake by a client /);
  await visit(page, "#/customers/acme");
  await rows.first().waitFor();
  assert.equal(await rows.count(), 1);
  assert.match(await rows.first().textContent(), /198\.51\.100\.200:51820 as graz, key /);
});

test("the changes say who, when and what, and show by keyboard what differs in the files", async () => {
  await visit(page, "#/changes");
  await heading("Changes").waitFor();
  const list = page.getByRole("region", { name: "Changes" }).getByRole("listitem");
  const first = list.filter({ hasText: "ticket 4711" }).first();
  await first.getByText("by root (sudo: ada)").waitFor();
  await first.getByText("stack.mtu: 1420 -> 1380").waitFor();
  await first.locator("summary").focus();
  await page.keyboard.press("Enter");
  const diff = first.getByRole("group", { name: "What differs in customers/acme.toml" });
  await diff.getByText("mtu = 1380").waitFor();
  assert.equal(await diff.locator(".diff-new").count(), 1);
  assert.match(await diff.locator(".diff-gone").innerText(), /gone/);
  const third = list.filter({ hasText: "the new line" }).first();
  await third.locator("summary").click();
  await third.getByText("secrets/sites/psk").waitFor();
  for (const [size, width] of [
    ["desk", 1440],
    ["phone", 390],
  ]) {
    await page.setViewportSize(size === "desk" ? { width: 1440, height: 900 } : sizes.phone);
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await shoot(page, `changes-open-${width}-${scheme}`, { fullPage: true });
      assert.equal(await overflowOf(page), 0, `the diffs are wider than ${width} px`);
      assert.deepEqual(await axeFindings(page), []);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(sizes.desk);
});

test("a customer's page has its firewall with counters, its services, its LAN and its changes", async () => {
  await visit(page, "#/customers/acme");
  const firewall = page.getByRole("region", { name: "Firewall" });
  await firewall.getByText("branches reach the ERP").waitFor();
  await firewall.getByText("48,211,904").waitFor();
  await firewall.getByText("812 of 65,536 connections tracked").waitFor();
  const services = page.getByRole("region", { name: "Services" });
  await services.getByText("Running").waitFor();
  await services.getByText(/bird does not accept/).waitFor();
  const stack = page.getByRole("region", { name: "Network stack" });
  await stack.getByText("Not connected").waitFor();
  await stack.getByText("52:54:00:12:34:56").waitFor();
  await page.getByRole("region", { name: "IPsec certificates" }).getByText("Ends soon").waitFor();
  await page.getByRole("region", { name: "Latest changes" }).getByText("ticket 4711").waitFor();
  await page.getByRole("link", { name: "All changes" }).click();
  await page.getByRole("button", { name: /Only customer acme/ }).waitFor();
  await visit(page, "#/customers/globex");
  await page.getByRole("region", { name: "Limits" }).waitFor();
  await firewall.waitFor({ state: "detached" });
  await services.waitFor({ state: "detached" });
});

test("the System page says whom alertd tells, and what failed", async () => {
  await visit(page, "#/system");
  const alerts = page.getByRole("region", { name: "Alerts" });
  await alerts.getByText("https://hooks.example.net").waitFor();
  await alerts.getByText(/has used its quota/).waitFor();
  await alerts.getByText("Connection refused").waitFor();
});

test("dark mode can be chosen and is remembered", async () => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: /Switch to light/ }).click();
  await page.getByRole("button", { name: /Switch to dark/ }).click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.locator("h1").waitFor();
  assert.equal(await ground(), dark);
  await page.getByRole("button", { name: /Switch to as the system/ }).click();
  assert.equal(await ground(), light);
});

test("a broken stream reconnects, with a banner meanwhile", async () => {
  await visit(page, "#/");
  await happen("cut?for=8000");
  await page.locator("[data-test=live]", { hasText: "Reconnecting" }).waitFor();
  await page.getByText("The appliance cannot be reached.").waitFor();
  await shoot(page, "disconnected-1280-light");
  assert.deepEqual(await axeFindings(page), []);
  await page.locator("[data-test=live]", { hasText: "Live" }).waitFor({ timeout: 60_000 });
  assert.equal(await page.getByText("The appliance cannot be reached.").count(), 0);
});

test("outdated figures are marked", async () => {
  await happen("stale?on=1");
  await page.locator("[data-test=live]", { hasText: "Outdated" }).waitFor();
  await page.getByText("The tunnel daemon does not answer this page.").waitFor();
  await page.locator(".alarm", { hasText: /Critical.*tunnel daemon/s }).waitFor();
  await happen("stale?on=0");
  await page.locator("[data-test=live]", { hasText: "Live" }).waitFor();
});

test("a session that ends keeps the screen, and continues after a login", async () => {
  await visit(page, "#/customers/globex");
  await heading("Globex Ltd").waitFor();
  await happen("expire");
  const dialog = page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.waitFor();
  await heading("Globex Ltd").waitFor();
  await shoot(page, "session-ended-1280-light");
  assert.deepEqual(await axeFindings(page), []);
  assert.equal(await dialog.getByLabel("User").inputValue(), "operator");
  await dialog.getByLabel("Password").fill("operator");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
  await page.locator("[data-test=live]", { hasText: "Live" }).waitFor();
  await heading("Globex Ltd").waitFor();
});

test("unknown pages, customers and peers are reported", async () => {
  await visit(page, "#/customers/nobody");
  await heading("There is no such customer").waitFor();
  await visit(page, "#/customers/globex/peers/nobody");
  await heading("There is no such peer").waitFor();
  await visit(page, "#/nowhere");
  await heading("There is no such page").waitFor();
  await visit(page, "#/events?customer=nobody");
  await page.getByText("Unknown customer").waitFor();
});

test("an unknown customer does not stop the stream, here or on the next page", async () => {
  const refused = [];
  const note = (response) => {
    if (response.status() === 404 && response.url().includes("/events")) refused.push(response.url());
  };
  page.on("response", note);
  await visit(page, "#/customers/nobody-has-this-id");
  await heading("There is no such customer").waitFor();
  const live = page.locator("[data-test=live]", { hasText: "Live" });
  await live.waitFor();
  assert.ok(refused.length <= 1, `asked again: ${refused}`);
  await visit(page, "#/");
  await heading("Overview").waitFor();
  await live.waitFor();
  page.off("response", note);
});

test("a device is added after the password; its configuration is shown once, as a code that reads back", async () => {
  for (const [size, width] of [
    ["desk", 1280],
    ["phone", 390],
  ]) {
    await page.setViewportSize(sizes[size]);
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await visit(page, "#/customers/acme");
      await page.getByRole("button", { name: "Add a device" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill(`phone-${size}-${scheme}`);
      await dialog.getByLabel("Description").fill("of Ada");
      await page.keyboard.press("Enter");
      // Once for the session.
      if (size === "desk" && scheme === "light") {
        const unlock = page.getByRole("dialog", { name: "Your password, please" });
        await unlock.getByLabel("Password").fill("wrong");
        await page.keyboard.press("Enter");
        await unlock.getByRole("alert").filter({ hasText: "The password is wrong." }).waitFor();
        assert.deepEqual(await axeFindings(page), []);
        await unlock.getByLabel("Password").fill("operator");
        await page.keyboard.press("Enter");
      }
      await page.getByRole("heading", { name: `phone-${size}-${scheme} is added` }).waitFor();
      await page.getByText("As text").click();
      const text = await dialog.locator("code").innerText();
      assert.match(text, /PrivateKey = [A-Za-z0-9+/]{43}=\n/);
      const code = dialog.getByRole("img", { name: /^QR code/ });
      if (size === "desk" && scheme === "light") {
        const picture = join(tmpdir(), `warren-qr-${process.pid}.png`);
        await code.screenshot({ path: picture });
        try {
          const read = execFileSync("zbarimg", ["--quiet", "--raw", picture], { encoding: "utf8" });
          assert.equal(read.trim(), text.trim());
        } finally {
          rmSync(picture, { force: true });
        }
      }
      assert.deepEqual(await axeFindings(page), [], `${size} ${scheme}`);
      assert.equal(await overflowOf(page), 0, `${width}`);
      await shoot(page, `device-${width}-${scheme}`);
      await page.keyboard.press("Escape");
      assert.equal(await dialog.count(), 1, "a stray key must not lose it");
      await page.getByRole("button", { name: "Done" }).click();
      assert.equal(await dialog.count(), 0);
    }
  }
  await page.setViewportSize(sizes.desk);
  await page.emulateMedia({ colorScheme: "light" });
});

test("a change that waits for its confirmation counts down, and an operator confirms it", async () => {
  await happen("pending?revision=12&seconds=90");
  await visit(page, "#/customers"); // it is on every page
  const waiting = page.getByRole("region", { name: "A change waits for a confirmation" });
  await waiting.getByText(/revision 12 comes back in/).waitFor();
  assert.deepEqual(await axeFindings(page), []);
  await waiting.getByRole("button", { name: "Confirm" }).click();
  await waiting.waitFor({ state: "detached" });
});

test("a customer sees only its own data, and not the System page", async () => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("Log in to see your tunnels.").waitFor();
  await logIn(page, origin, "acme");
  assert.equal(await page.getByRole("link", { name: "System" }).count(), 0);
  await visit(page, "#/customers");
  await page.getByText("1 customer", { exact: true }).waitFor();
  await visit(page, "#/customers/globex");
  await heading("There is no such customer").waitFor();
  await visit(page, "#/system");
  await heading("There is no such page").waitFor();
  await visit(page, "#/customers/acme");
  await page.getByRole("region", { name: "Limits" }).waitFor();
  assert.equal(await page.getByRole("region", { name: "More on the appliance" }).count(), 0);
  await visit(page, "#/changes");
  const changes = page.getByRole("region", { name: "Changes" });
  await changes.getByText("stack.mtu: 1420 -> 1380").waitFor();
  await changes.getByText("by acme, on this page").waitFor();
  for (const foreign of ["sites", "ticket 4711", "ada"])
    assert.equal(await changes.getByText(foreign).count(), 0, foreign);
  assert.equal(await changes.locator("summary").count(), 0);
});

test("no script error, no breach of the policy, no request to another host", () => {
  assert.deepEqual(complaints, []);
});
