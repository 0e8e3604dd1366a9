// Invented customers with changing states and traffic. The same seed gives the same world.
import { dropWords, sentence, wordsOf } from "./words.mjs";

export const states = ["up", "degraded", "down", "never", "suspended", "unserved"];

const towns =
  "Graz Linz Wien Oslo Bergen Lyon Turin Porto Gent Basel Ulm Brno Cork Leeds Vilnius Tartu Malmö Aarhus".split(" ");
const trades =
  "Bakery Logistics Dental Print Timber Marine Optics Clinic Foods Tools Law Media Energy Textiles Pharma Motors".split(
    " ",
  );
const families =
  "Huber Novak Rossi Berg Lund Silva Moreau Kovacs Fischer Petrov Olsen Garcia Marin Weber Dubois Hansen".split(" ");

const dropKinds = ["source_not_allowed", "no_peer_for_destination", "session_expired", "packet_too_big"];

/** Mulberry32: a small random generator with a seed. */
export function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const iso = (at) => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
const drop = (name, packets) => ({ ...dropWords(name), packets });
const key = (random) => Buffer.from(Array.from({ length: 32 }, () => Math.floor(random() * 256))).toString("base64");

export const tunnels = (customer) => [...customer.peers, ...customer.connections];
const isUp = (one) => one.state === "online" || one.state === "up";

function makeConnection(name, number, state, random, now) {
  const up = state === "up";
  return {
    name,
    number,
    state,
    lost: false,
    reason: state === "unserved" ? "this version has no postquantum preshared keys" : null,
    handshake: up || state === "down" ? now - random() * 3_000_000 : null,
    base: random() ** 6 * 6e7,
    endpoint: up ? `203.0.113.${number % 250}:4500` : null,
    rates: { rx_bits_per_second: 0, tx_bits_per_second: 0 },
    rx: up ? random() * 4e10 : 0,
    tx: up ? random() * 9e10 : 0,
    since: now - random() * 30 * 3600_000,
  };
}

/** One customer has thousands of sites, one has one in each state, and every fourth of the others has one. */
function makeConnections(special, index, mood, now) {
  const random = dice(1000 + index);
  if (special === "globex") return [];
  if (special === "acme")
    return [
      ["steyr", "up"],
      ["wels", "listening"],
      ["krems", "down"],
      ["villach", "connecting"],
      ["people", "unserved"],
    ].map(([name, state], number) => makeConnection(name, number, state, random, now));
  if (special === "sites")
    return Array.from({ length: 3000 }, (_, number) =>
      makeConnection(`site-${number + 1}`, number, random() < 0.97 ? "up" : "listening", random, now),
    );
  if (index % 4 !== 0 || mood === 4) return [];
  const state = mood === 3 ? "listening" : mood === 2 ? "down" : "up";
  return [{ ...makeConnection("office", index, state, random, now), lost: mood === 2 }];
}

export class World {
  constructor(count, now) {
    this.random = dice(7);
    this.eventId = 0;
    this.events = [];
    this.started = now;
    this.stale = false;
    this.customers = Array.from({ length: count }, (_, index) => this.makeCustomer(index, now));
    this.byId = new Map(this.customers.map((customer) => [customer.id, customer]));
    this.day = this.makeDays(now, 1, 60);
    this.week = this.makeDays(now, 7, 1800);
    for (let count = 0; count < 400; count += 1) this.changeSomething(now - (400 - count) * 150_000);
    for (const customer of this.customers)
      for (const one of tunnels(customer)) if (isUp(one)) this.flow(customer, one, now);
    this.history = this.makeHistory(now);
  }

  makeCustomer(index, now) {
    const random = this.random;
    const pick = (list) => list[Math.floor(random() * list.length)];
    const special = ["acme", "globex", "sites"][index];
    const id = special ?? `${pick(families)}-${pick(trades)}-${index}`.toLowerCase();
    const name = special
      ? `${special[0].toUpperCase()}${special.slice(1)} Ltd`
      : `${pick(families)} ${pick(trades)} ${pick(["Ltd", "GmbH", "SA", "AB"])}`;
    const luck = random();
    const mood = special ? 0 : luck < 0.86 ? 0 : luck < 0.94 ? 1 : luck < 0.96 ? 2 : luck < 0.985 ? 3 : 4;
    const peerCount = special ? 2 : 1 + Math.floor(random() ** 3 * 30);
    const customer = {
      id,
      name,
      suspended: mood === 4,
      since: now - random() * 40 * 3600_000,
      rx: random() * 4e11,
      tx: random() * 9e11,
      drops: [],
      peers: [],
      connections: makeConnections(special, index, mood, now),
    };
    for (let number = 0; number < peerCount; number += 1) {
      const town = special
        ? { acme: ["graz", "linz"], globex: ["oslo", "bergen"], sites: ["hub", "office"] }[special][number]
        : `${pick(towns).toLowerCase()}-${number + 1}`;
      const state = mood >= 3 ? "never" : mood === 2 ? "idle" : mood === 1 && random() < 0.4 ? "idle" : "online";
      const age =
        state === "online" ? random() * 110_000 : state === "idle" ? 200_000 + random() ** 4 * 60 * 3600_000 : null;
      customer.peers.push({
        name: town,
        state,
        key: key(random),
        psk: random() < 0.4,
        handshake: age === null ? null : now - age,
        base: random() ** 6 * 6e7,
        endpoint:
          age === null ? null : `203.0.113.${Math.floor(random() * 250) + 1}:${1024 + Math.floor(random() * 60000)}`,
        rates: { rx_bits_per_second: 0, tx_bits_per_second: 0 },
        rx: random() * 4e10,
        tx: random() * 9e10,
        allowed: [`10.0.0.${number + 2}/32`, `10.0.${number + 1}.0/24`],
        since: now - random() * 30 * 3600_000,
        expires: town === "graz" ? now + 6 * 24 * 3600_000 : null,
      });
    }
    if (random() < 0.3)
      customer.drops = dropKinds
        .filter(() => random() < 0.6)
        .map((kind) => drop(kind, Math.floor(random() ** 3 * 90_000) + 1));
    return customer;
  }

  /** Two seconds pass. Returns the customers and peers that changed. */
  step(now) {
    const peers = new Set();
    for (const customer of this.customers) {
      for (const one of tunnels(customer)) {
        if (!isUp(one)) continue;
        this.flow(customer, one, now);
        peers.add(one);
      }
    }
    const events = [];
    for (let count = 0; count < 3; count += 1) if (this.random() < 0.5) events.push(this.changeSomething(now));
    this.remember(now);
    return { peers, events };
  }

  flow(customer, peer, now) {
    const wave = 0.7 + 0.3 * Math.sin(now / 37_000 + peer.since) + this.random() * 0.3;
    peer.rates = {
      rx_bits_per_second: Math.round(peer.base * wave),
      tx_bits_per_second: Math.round(peer.base * wave * 2.3),
    };
    peer.rx += peer.rates.rx_bits_per_second / 4;
    peer.tx += peer.rates.tx_bits_per_second / 4;
    customer.rx += peer.rates.rx_bits_per_second / 4;
    customer.tx += peer.rates.tx_bits_per_second / 4;
    if (now - peer.handshake > 120_000) peer.handshake = now;
  }

  changeSomething(now) {
    // Tests use the first three.
    const customer = this.customers[3 + Math.floor(this.random() ** 4 * (this.customers.length - 3))];
    const peer = customer.peers[Math.floor(this.random() * customer.peers.length)];
    if (customer.suspended || peer.state === "never") return this.record(now, "changed", customer, null);
    if (this.random() < 0.25) {
      const from = peer.endpoint;
      peer.endpoint = `198.51.100.${Math.floor(this.random() * 250) + 1}:${1024 + Math.floor(this.random() * 60000)}`;
      return this.record(now, "roamed", customer, peer, from, peer.endpoint);
    }
    if (this.random() < 0.1) return this.record(now, "drops", customer, null, null, null, dropKinds[0]);
    return this.turn(now, customer, peer, peer.state === "online" ? "idle" : "online");
  }

  /** A peer goes online or idle. */
  turn(now, customer, peer, state) {
    const from = peer.state;
    peer.state = state;
    peer.since = now;
    if (state === "online") peer.handshake = now;
    else {
      peer.handshake = Math.min(peer.handshake, now - 181_000);
      peer.rates = { rx_bits_per_second: 0, tx_bits_per_second: 0 };
    }
    return this.record(now, state, customer, peer, from, state);
  }

  /** A connection comes up, or its peer does not answer any more. */
  turnConnection(now, customer, connection, state) {
    const from = connection.state;
    connection.state = state;
    connection.lost = state !== "up";
    connection.since = now;
    connection.rates = { rx_bits_per_second: 0, tx_bits_per_second: 0 };
    if (state === "up") connection.handshake = now;
    return this.record(now, state === "up" ? "up" : "peer_dead", customer, null, from, state, null, connection);
  }

  record(at, kind, customer, peer, from = null, to = null, reason = null, connection = null) {
    const words = wordsOf(kind, peer, connection);
    const why = reason === null ? null : dropWords(reason).sentence;
    const event = {
      id: ++this.eventId,
      at: iso(at),
      kind,
      customer: customer?.id ?? null,
      peer: peer?.name ?? null,
      connection: connection?.name ?? null,
      sentence: sentence("events", words, { from, to, reason: why }),
      reason,
      from,
      to,
    };
    this.events.push(event);
    return event;
  }

  remember(at) {
    this.history.push([at, this.total()]);
    if (this.history.length > 300) this.history.shift();
  }

  total() {
    const total = { rx_bits_per_second: 0, tx_bits_per_second: 0 };
    for (const customer of this.customers) for (const one of tunnels(customer)) addRates(total, one.rates);
    return total;
  }

  makeHistory(now) {
    const total = this.total();
    return Array.from({ length: 300 }, (_, index) => {
      const wave = 0.8 + 0.2 * Math.sin(index / 14) + this.random() * 0.08;
      const rates = {
        rx_bits_per_second: total.rx_bits_per_second * wave,
        tx_bits_per_second: total.tx_bits_per_second * wave,
      };
      return [now - (300 - index) * 2000, rates];
    });
  }

  makeDays(now, days, step) {
    const points = [];
    for (let at = now - days * 24 * 3600_000; at < now; at += step * 1000) {
      const hour = new Date(at).getHours();
      const level = (0.25 + 0.75 * Math.exp(-((hour - 13) ** 2) / 18)) * (0.85 + this.random() * 0.3);
      points.push([at, { rx_bits_per_second: 3e10 * level, tx_bits_per_second: 7e10 * level }]);
    }
    return points;
  }
}

function addRates(total, rates) {
  total.rx_bits_per_second += rates.rx_bits_per_second;
  total.tx_bits_per_second += rates.tx_bits_per_second;
}

export { addRates, drop, dropKinds, iso };
