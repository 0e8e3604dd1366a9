// A stand-in for statusd: the built page, the API of web/api/openapi.json, and 10,000 invented customers. Not shipped.
// Usage: node mock/server.mjs [PORT [CUSTOMERS]]. Port 0: any free port. Users: operator, viewer and acme; the password
// is the name. Tests control it with POST /mock/cut, /mock/stale, /mock/expire and
// /mock/turn?customer=&state= with peer= or connection=.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import {
  connectionDetailView,
  connectionView,
  customerView,
  detailView,
  overviewView,
  peerView,
  revisionsOf,
  seriesView,
  soonView,
  stackView,
  systemView,
} from "./views.mjs";
import { World } from "./world.mjs";

const port = Number(process.argv[2] ?? 8480);
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const world = new World(Number(process.argv[3] ?? 10_000), Date.now());
const roles = { operator: "operator", viewer: "viewer", acme: "customer" };
const sessions = new Map();
const streams = new Set();
let streamsOpen = true;
let rows = world.customers.map(customerView);

const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; form-action 'self'; base-uri 'none'";
const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

class Refusal extends Error {
  constructor(status, title, detail) {
    super(title);
    this.body = { type: "about:blank", title, status, ...(detail && { detail }) };
  }
}

const missing = () => new Refusal(404, "Not Found");

function send(response, status, body, headers = {}) {
  response.writeHead(status, {
    "Content-Type": status < 400 ? "application/json" : "application/problem+json",
    ...headers,
  });
  response.end(body === undefined ? "" : JSON.stringify(body));
}

function sessionOf(request) {
  const token = /mock=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
  const session = sessions.get(token);
  if (!session) throw new Refusal(401, "Unauthorized");
  return session;
}

async function login(request, response) {
  let text = "";
  for await (const piece of request) text += piece;
  const { user, password } = JSON.parse(text);
  if (!Object.hasOwn(roles, user) || password !== user)
    throw new Refusal(401, "Unauthorized", "The user or the password is wrong.");
  const token = Math.random().toString(36).slice(2);
  const role = roles[user];
  const session = {
    user,
    role,
    customers: role === "customer" ? ["acme"] : null,
    kind: "cookie",
    expires_at: null,
    idle_expires_at: null,
    may_change: role !== "viewer",
    unlocked: false,
  };
  sessions.set(token, session);
  send(response, 200, session, { "Set-Cookie": `mock=${token}; HttpOnly; SameSite=Strict; Path=/` });
}

/** As web/api/router_changes.cc, as far as the page can tell. */
async function change(request, path, session) {
  let text = "";
  for await (const piece of request) text += piece;
  const body = JSON.parse(text);
  const [head, id, sub, name, tail] = path.split("/").slice(3).map(decodeURIComponent);
  const customer = head === "customers" ? customerOf(session, id) : undefined;
  if (!session.may_change) throw new Refusal(403, "Forbidden", "A viewer changes nothing.");
  if (head === "unlock") {
    if (body.password !== session.user) throw new Refusal(403, "Forbidden", "The password is wrong.");
    session.unlocked = true;
    return session;
  }
  if (!session.unlocked) throw new Refusal(423, "Locked", "Show your password again.");
  if (head === "pending") {
    if (world.pending?.revision !== body.revision) throw new Refusal(409, "Conflict", "It does not wait any more.");
    world.pending = null;
    return { done: "done", profile: null };
  }
  if (session.role === "customer" && (sub === "suspend" || sub === "resume"))
    throw new Refusal(403, "Forbidden", "only an operator may do this");
  if (sub === "devices") {
    if (customer.peers.some((peer) => peer.name === body.name))
      throw new Refusal(409, "Conflict", `there is a peer ${body.name} already`);
    const profile =
      "# mock\n[Interface]\nPrivateKey = REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE\nAddress = 10.0.0.9/32\n\n" +
      "[Peer]\nPublicKey = mXr0r2Vb8i9cQyq3hJ6nXk1B0Yw5o3d8TzE4lKfVxQI=\nAllowedIPs = 10.0.0.0/8\n" +
      "Endpoint = vpn.example.net:51820\n";
    return { done: "added", profile };
  }
  customer.disabled ??= ["old-laptop"];
  if (tail === "enable") customer.disabled = customer.disabled.filter((one) => one !== name);
  if (tail === "disable") customer.disabled = [...customer.disabled, name];
  return { done: "done", profile: null };
}

const visible = (session) => (session.customers ? rows.filter((row) => session.customers.includes(row.id)) : rows);

function customerOf(session, id) {
  const customer = world.byId.get(id);
  if (!customer || (session.customers && !session.customers.includes(id))) throw missing();
  return customer;
}

const orders = {
  id: (row) => row.id,
  name: (row) => row.name.toLowerCase(),
  state: (row) => row.state,
  peers: (row) => row.peers.online + row.connections.up,
  endpoint: (row) => row.endpoint ?? "",
  identity: (row) => row.remote_identity,
  rate: (row) => row.rates.rx_bits_per_second + row.rates.tx_bits_per_second,
  drops: (row) => row.drops_total,
  last_handshake: (row) => row.last_handshake ?? "",
};

function paged(all, query, textOf, first) {
  const search = (query.get("search") ?? "").toLowerCase();
  const state = query.get("state");
  const found = all.filter(
    (row) => (!state || row.state === state) && (search === "" || textOf(row).toLowerCase().includes(search)),
  );
  const value = orders[query.get("sort") ?? first];
  const sign = query.get("order") === "desc" ? -1 : 1;
  found.sort((a, b) => (value(a) < value(b) ? -sign : value(a) > value(b) ? sign : 0));
  const limit = Math.min(500, Number(query.get("limit") ?? 50));
  const offset = Number(query.get("offset") ?? 0);
  return {
    items: found.slice(offset, offset + limit),
    total: found.length,
    limit,
    offset,
    as_of: new Date().toISOString(),
  };
}

function eventsOf(session, query) {
  const [customer, peer, connection, kind, before] = ["customer", "peer", "connection", "kind", "before"].map((name) =>
    query.get(name),
  );
  if (customer) customerOf(session, customer);
  const limit = Number(query.get("limit") ?? 100);
  const items = [];
  for (let index = world.events.length - 1; index >= 0 && items.length < limit; index -= 1) {
    const event = world.events[index];
    if (session.customers && !session.customers.includes(event.customer)) continue;
    if ((customer && event.customer !== customer) || (peer && event.peer !== peer) || (kind && event.kind !== kind))
      continue;
    if (connection && event.connection !== connection) continue;
    if (!before || event.id < Number(before)) items.push(event);
  }
  return { items, next_before: items.length === limit ? items.at(-1).id : null };
}

// What is kept on disk is what the mock remembers, in its own steps.
const kept = { hour: 60, day: 60, week: 1800, month: 1800 };

function series(rates, query) {
  const step = kept[query.get("range")] ?? Number(query.get("step") ?? 2);
  const points = { 2: world.history, 60: world.day, 1800: world.week }[step];
  const last = points.at(-1)?.[1] ?? rates;
  const share = (value, of) => (of === 0 ? 0 : value / of);
  const scaled = points.map(([at, all]) => [
    at,
    {
      rx_bits_per_second: all.rx_bits_per_second * share(rates.rx_bits_per_second, last.rx_bits_per_second),
      tx_bits_per_second: all.tx_bits_per_second * share(rates.tx_bits_per_second, last.tx_bits_per_second),
    },
  ]);
  return seriesView(scaled, step);
}

// Newest first; of peers, from the events that the mock remembers.
function outagesOf(customer, query) {
  const open = new Map();
  const items = [];
  const since = query.get("since") ?? "";
  for (const event of world.events) {
    const name = event.connection ?? event.peer;
    if (event.customer !== customer.id || name === null) continue;
    const ends = event.kind === "online" || event.kind === "up";
    const begins = ["idle", "down", "peer_dead", "expired"].includes(event.kind);
    const outage = open.get(name);
    if (ends && outage) {
      outage.ended = event.at;
      open.delete(name);
    }
    if (!begins || outage) continue;
    const { peer, connection, at, reason } = event;
    const begun = { customer: customer.id, peer, connection, began: at, ended: null, seconds: 0 };
    open.set(name, { ...begun, cause: reason ?? "silent", removed: false });
    items.unshift(open.get(name));
  }
  for (const one of items)
    one.seconds = Math.round((Date.parse(one.ended ?? new Date().toISOString()) - Date.parse(one.began)) / 1000);
  const found = items.filter((one) => one.ended === null || one.ended >= since);
  const limit = Number(query.get("limit") ?? 100);
  return { items: found.slice(0, limit), has_more: found.length > limit };
}

function foundOf(session, query) {
  const text = (query.get("text") ?? "").toLowerCase();
  const items = [];
  for (const row of visible(session)) {
    if (row.id.toLowerCase().includes(text))
      items.push({ kind: "customer", customer: row.id, name: row.id, state: row.state, matched: "id", text: row.id });
    for (const peer of world.byId.get(row.id).peers)
      if (peer.name.toLowerCase().includes(text))
        items.push({
          kind: "peer",
          customer: row.id,
          name: peer.name,
          state: peer.state,
          matched: "name",
          text: peer.name,
        });
  }
  return { as_of: new Date().toISOString(), stale: false, items: items.slice(0, 100), has_more: items.length > 100 };
}

function stream(request, response, session, query) {
  if (!streamsOpen) throw new Refusal(503, "Service Unavailable");
  const customer = query.get("customer");
  if (customer) customerOf(session, customer);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const one = {
    response,
    session,
    customer,
    watch: new Set((query.get("watch") ?? "").split(",")),
    seen: Number(request.headers["last-event-id"] || 0),
  };
  if (one.seen === 0) one.seen = world.eventId;
  streams.add(one);
  response.on("close", () => streams.delete(one));
  sendDelta(one, Date.now(), new Map(), new Set());
}

function connectionAnswer(customer, name, tail, query) {
  if (name === undefined) {
    const rows = customer.connections.map((one) => connectionView(customer, one));
    return paged(rows, query, (row) => `${row.name} ${row.remote_identity} ${row.endpoint} ${row.networks}`, "name");
  }
  const found = customer.connections.find((one) => one.name === name);
  if (!found) throw missing();
  return tail === "timeseries" ? series(found.rates, query) : connectionDetailView(customer, found);
}

function revisionList(all, query) {
  const rows = all.map((one) => ({ ...one, files: one.files.map(({ name, fate }) => ({ name, fate })) }));
  const limit = Number(query.get("limit") ?? 50);
  const offset = Number(query.get("offset") ?? 0);
  const items = rows.slice(offset, offset + limit);
  return { items, total: rows.length, limit, offset, as_of: new Date().toISOString(), problem: null };
}

function revisionAnswer(session, number, query, now) {
  const all = revisionsOf(now, session.role, null);
  if (number === undefined) return revisionList(all, query);
  const found = all.find((one) => one.revision === Number(number));
  if (!found) throw missing();
  return found;
}

function answer(session, path, query, now) {
  const [head, id, sub, name, tail] = path.split("/").slice(3).map(decodeURIComponent);
  if (head === "session") return session;
  if (head === "overview") return overviewView(world, visible(session), now, session.role);
  if (head === "events") return eventsOf(session, query);
  if (head === "find") return foundOf(session, query);
  if (head === "revisions") return revisionAnswer(session, id, query, now);
  if (head === "soon") return soonView(world, visible(session), now, Number(query.get("limit") ?? 10));
  if ((head === "system" || head === "timeseries") && session.role === "customer") throw missing();
  if (head === "system") return systemView(world, session.role, now);
  if (head === "timeseries") return series(world.total(), query);
  if (head !== "customers") throw missing();
  if (id === undefined) return paged(visible(session), query, (row) => `${row.id} ${row.name}`, "id");
  const customer = customerOf(session, id);
  if (sub === undefined) return detailView(customer);
  if (sub === "stack") return stackView(customer, now);
  if (sub === "revisions") return revisionList(revisionsOf(now, session.role, id), query);
  if (sub === "outages") return outagesOf(customer, query);
  if (sub === "timeseries") return series(customerView(customer).rates, query);
  if (sub === "connections") return connectionAnswer(customer, name, tail, query);
  if (sub !== "peers") throw missing();
  const peers = customer.peers.map((peer) => peerView(customer, peer, now));
  if (name === undefined)
    return paged(peers, query, (row) => `${row.name} ${row.public_key} ${row.endpoint} ${row.allowed_ips}`, "name");
  const peer = peers.find((one) => one.name === name);
  if (!peer) throw missing();
  return tail === "timeseries" ? series(peer.rates, query) : peer;
}

function control(path, query, response) {
  if (path === "/mock/cut") for (const one of streams) one.response.destroy();
  if (path === "/mock/cut") streamsOpen = query.get("for") === null;
  if (path === "/mock/cut" && !streamsOpen) setTimeout(() => (streamsOpen = true), Number(query.get("for")));
  if (path === "/mock/stale") world.stale = query.get("on") === "1";
  if (path === "/mock/pending")
    world.pending = {
      revision: Number(query.get("revision")),
      comes_back_at: new Date(Date.now() + 1000 * Number(query.get("seconds"))).toISOString(),
      is_returning: false,
    };
  if (path === "/mock/expire") sessions.clear();
  if (path === "/mock/expire") for (const one of streams) one.response.end();
  if (path === "/mock/turn") {
    const customer = world.byId.get(query.get("customer"));
    const connection = customer.connections.find((one) => one.name === query.get("connection"));
    if (connection) world.turnConnection(Date.now(), customer, connection, query.get("state"));
    else
      world.turn(
        Date.now(),
        customer,
        customer.peers.find((peer) => peer.name === query.get("peer")),
        query.get("state"),
      );
  }
  send(response, 204);
}

function page(path, response) {
  const file = normalize(join(dist, path === "/" ? "index.html" : path));
  if (!file.startsWith(dist) || !existsSync(file) || !statSync(file).isFile()) throw missing();
  response.writeHead(200, {
    "Content-Type": types[extname(file)] ?? "application/octet-stream",
    "Content-Security-Policy": csp,
    "X-Content-Type-Options": "nosniff",
  });
  createReadStream(file).pipe(response);
}

async function handle(request, response) {
  const { pathname: path, searchParams: query } = new URL(request.url, "http://mock");
  if (path.startsWith("/mock/")) return control(path, query, response);
  if (!path.startsWith("/api/v1/")) return page(path, response);
  if (path === "/api/v1/login") return login(request, response);
  if (path === "/api/v1/about") return send(response, 200, { appliance: "demo-hub" });
  const session = sessionOf(request);
  if (path === "/api/v1/logout") {
    sessions.clear();
    return send(response, 204);
  }
  if (request.method === "POST") return send(response, 200, await change(request, path, session));
  if (path === "/api/v1/events" && request.headers.accept === "text/event-stream")
    return stream(request, response, session, query);
  send(response, 200, answer(session, path, query, Date.now()));
}

function tick() {
  const now = Date.now();
  const { peers } = world.step(now);
  const before = new Map(rows.map((row) => [row.id, row]));
  rows = world.customers.map(customerView);
  for (const one of streams) sendDelta(one, now, before, peers);
}

/** Sends one viewer the changes since the last step, whose rows are `before`. */
function sendDelta(one, now, before, peers) {
  const mine = visible(one.session);
  const all = one.customer
    ? mine.filter((row) => row.id === one.customer)
    : mine.filter((row) => one.watch.has(row.id) || row.state !== (before.get(row.id) ?? row).state);
  const customer = one.customer && world.byId.get(one.customer);
  const seen = new Set(mine.map((row) => row.id));
  const events = world.events.filter(
    (event) => event.id > one.seen && seen.has(event.customer) && (!one.customer || event.customer === one.customer),
  );
  const delta = {
    as_of: new Date(now).toISOString(),
    overview: overviewView(world, mine, now, one.session.role),
    customers: all,
    events,
    reload: false,
    peers: customer
      ? customer.peers
          .filter((peer) => peers.has(peer) || peer.since > now - 4000)
          .map((peer) => peerView(customer, peer, now))
      : [],
    connections: customer
      ? customer.connections
          .filter((one) => peers.has(one) || one.since > now - 4000)
          .slice(0, 500)
          .map((one) => connectionView(customer, one))
      : [],
  };
  one.seen = world.eventId;
  one.response.write(`event: delta\nid: ${world.eventId}\ndata: ${JSON.stringify(delta)}\n\n`);
}

setInterval(tick, 2000);
createServer((request, response) => {
  handle(request, response).catch((error) => {
    if (!(error instanceof Refusal)) console.error(error);
    if (!response.headersSent)
      send(response, error.body?.status ?? 500, error.body ?? { type: "about:blank", title: "Broken", status: 500 });
  });
}).listen(port, "127.0.0.1", function () {
  console.log(`http://127.0.0.1:${this.address().port}/ with ${world.customers.length} customers`);
});
