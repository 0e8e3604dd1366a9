// The invented world in the shapes of web/api/openapi.json.
import { alarmWords, dropWords, sentence, span } from "./words.mjs";
import { addRates, drop, iso, states, tunnels } from "./world.mjs";

const zero = () => ({ rx_bits_per_second: 0, tx_bits_per_second: 0 });

const gib = 1024 ** 3;
const day = 24 * 3600_000;

/** `quota`: bytes, or null. */
function monthView(quota, after, used) {
  const half = Math.round(used / 3);
  return {
    quota_bytes: quota,
    after_quota: quota === null ? null : after,
    quota_spent: quota === null ? null : used >= quota,
    month_rx_bytes: half,
    month_tx_bytes: Math.round(used) - half,
  };
}

// One customer has used most of its quota, and one all of it.
function customerMonth(customer) {
  if (customer.id === "acme") return monthView(500 * gib, "drop", 412 * gib);
  if (customer.id === "sites") return monthView(2048 * gib, 64_000_000, 2048 * gib);
  return monthView(null, null, (customer.rx + customer.tx) / 20);
}

const peerMonth = (peer) =>
  peer.name === "linz" ? monthView(50 * gib, 1_000_000, 49 * gib) : monthView(null, null, (peer.rx + peer.tx) / 20);

export function peerView(customer, peer, now) {
  const age = peer.handshake === null ? null : now - peer.handshake;
  const stale = peer.state === "idle" && age > 24 * 3600_000;
  return {
    customer: customer.id,
    name: peer.name,
    public_key: peer.key,
    state: peer.state,
    state_sentence: sentence("peers", peer.state, { span: span((age ?? 0) / 1000) }),
    stale,
    state_since: iso(peer.since),
    last_handshake: peer.handshake === null ? null : iso(peer.handshake),
    endpoint: peer.endpoint,
    rates: peer.rates,
    rx_bytes: Math.round(peer.rx),
    tx_bytes: Math.round(peer.tx),
    allowed_ips: peer.allowed,
    allowed_ips_left_out: 0,
    expires: peer.expires === null ? null : iso(peer.expires),
    rate_up: peer.name === "linz" ? 20e6 : null,
    rate_down: null,
    ...peerMonth(peer),
    maps: peer.name === "bergen" ? [{ real: "192.168.1.0/24", mapped: "10.0.2.0/24" }] : [],
    flaps_with: peer.name === "bergen" ? "198.51.100.77:51820" : null,
    next_public_key: null,
    key_in_use: peer.handshake === null ? null : "present",
    server_key_in_use: peer.handshake === null ? null : "present",
    has_preshared_key: peer.psk,
    persistent_keepalive_seconds: 25,
  };
}

export function connectionView(customer, one) {
  const up = one.state === "up";
  return {
    customer: customer.id,
    name: one.name,
    kind: "ipsec",
    state: one.state,
    state_sentence: sentence("connections", one.state, { reason: one.reason }),
    reason: one.reason,
    lost: one.lost,
    state_since: iso(one.since),
    last_handshake: one.handshake === null ? null : iso(one.handshake),
    remote_identity: `${one.name}@${customer.id}.example`,
    auth: "psk",
    endpoint: one.endpoint,
    nat: up ? "peer" : null,
    suite: up ? "aes128gcm-prfsha256-x25519" : null,
    next_rekey: up ? iso(one.handshake + 14_000_000) : null,
    next_attempt: one.state === "down" ? iso(Date.now() + 40_000) : null,
    sessions: up ? 1 : 0,
    max_sessions: 1,
    networks: [`10.${one.number >> 8}.${one.number % 256}.0/24`],
    rates: one.rates,
    rx_bytes: Math.round(one.rx),
    tx_bytes: Math.round(one.tx),
  };
}

function ikeSaView(customer, one) {
  const row = connectionView(customer, one);
  const child = {
    name: "lan",
    local: ["10.200.0.0/16"],
    remote: row.networks,
    spi_in: "c0ffee01",
    spi_out: "0badcafe",
    suite: "aes128gcm",
    rx_bytes: row.rx_bytes,
    tx_bytes: row.tx_bytes,
    shares_counters: false,
    since: row.last_handshake,
    next_rekey: iso(one.handshake + 3_300_000),
    expires: iso(one.handshake + 3_600_000),
    replaced: false,
  };
  return {
    initiator_spi: "0123456789abcdef",
    responder_spi: "fedcba9876543210",
    initiator: false,
    established: true,
    local_identity: `${customer.id}.vpn.example.net`,
    remote_identity: row.remote_identity,
    endpoint: row.endpoint,
    local_endpoint: "198.51.100.1:4500",
    nat: "peer",
    suite: row.suite,
    since: row.last_handshake,
    last_heard: iso(Date.now() - 3000),
    next_rekey: row.next_rekey,
    expires: iso(one.handshake + 15_000_000),
    children: [child],
  };
}

export function connectionDetailView(customer, one) {
  return {
    ...connectionView(customer, one),
    local_identity: null,
    remote_address: null,
    start: "responder",
    rekeys: 2,
    failures: one.state === "down" ? 3 : 0,
    rate_up: 50e6,
    rate_down: 50e6,
    ...monthView(null, null, (one.rx + one.tx) / 20),
    ike_sas: one.state === "up" ? [ikeSaView(customer, one)] : [],
    ike_sas_left_out: 0,
  };
}

function stateOf(customer, counts, connections) {
  if (customer.suspended) return "suspended";
  const lost = counts.idle > 0 || customer.connections.some((one) => one.lost);
  if (counts.online + connections.up === 0) return lost ? "down" : "never";
  return lost ? "degraded" : "up";
}

export function customerView(customer) {
  const counts = { total: customer.peers.length, online: 0, idle: 0, never: 0 };
  const rates = zero();
  let last = null;
  const connections = { total: customer.connections.length, up: 0, connecting: 0, down: 0, listening: 0, unserved: 0 };
  for (const peer of customer.peers) counts[peer.state] += 1;
  for (const one of customer.connections) connections[one.state] += 1;
  for (const one of tunnels(customer)) {
    addRates(rates, one.rates);
    if (one.handshake !== null && (last === null || one.handshake > last)) last = one.handshake;
  }
  const state = stateOf(customer, counts, connections);
  return {
    id: customer.id,
    name: customer.name,
    state,
    state_sentence: sentence("customers", state, counts),
    state_since: iso(customer.since),
    peers: counts,
    connections,
    rates,
    rx_bytes: Math.round(customer.rx),
    tx_bytes: Math.round(customer.tx),
    drops_total: customer.drops.reduce((sum, one) => sum + one.packets, 0),
    last_handshake: last === null ? null : iso(last),
    is_test_link: isTestLink(customer),
    is_parked: false,
    ...customerMonth(customer),
  };
}

const isTestLink = (customer) => customer.id === "globex";
const unchanged = { delay_us: 0, jitter_us: 0, loss: 0, reorder: 0, duplicate: 0, rate: null };
const badLine = { ...unchanged, delay_us: 50_000, jitter_us: 5000, loss: 10_000, rate: 20e6 };

/** When its first peer expires. */
function nextExpiry(customer) {
  const [first] = customer.peers.filter((peer) => peer.expires !== null).sort((a, b) => a.expires - b.expires);
  return { next_expiry: first ? iso(first.expires) : null, next_to_expire: first?.name ?? null };
}

function refusedView(reason, minutes, more) {
  const at = Math.floor(Date.now() / 60_000) * 60_000 - minutes * 60_000;
  return {
    reason,
    sentence: dropWords(reason).sentence,
    from: "203.0.113.9:40211",
    key_begins: null,
    listener: null,
    customer: null,
    peer: null,
    messages: 17,
    first: iso(at - 3_600_000),
    last: iso(at),
    ...more,
  };
}

// Somebody has the public key of the customer's first peer, and not the private one.
const refusedPeer = (customer) =>
  refusedView("bad_initiation", 4, {
    from: "198.51.100.200:51820",
    key_begins: customer.peers[0].key.slice(0, 8),
    customer: customer.id,
    peer: customer.peers[0].name,
  });

export function detailView(customer) {
  return {
    ...customerView(customer),
    addresses: ["10.0.0.1/24", "fd00:77::1/64"],
    mtu: 1420,
    cpu_seconds: customer.rx / 4e9,
    rate_up: 200e6,
    rate_down: null,
    test_link: isTestLink(customer) ? { up: unchanged, down: badLine } : null,
    share: customer.id === "acme" ? 4 : 1,
    max_handshake_rate: customer.id === "acme" ? 20 : null,
    ...nextExpiry(customer),
    listener_previous_public_key: customer.id === "acme" ? "8yQ1mJp0wE5nT2uYb7xK3vR9aLzC4dFgHsIoPqWlXkM=" : null,
    stack_complete: customer.id !== "globex",
    lan: { type: "veth", parent: "br0", addresses: ["192.168.7.1/24"] },
    static_routes: [{ to: "10.99.0.0/16", via: "192.168.7.254" }],
    static_routes_more: 0,
    description: customer.id === "acme" ? "contract 4711" : null,
    peer_descriptions: customer.id === "acme" ? [{ name: "graz", text: "the office" }] : [],
    max_peers: customer.id === "acme" ? 5000 : null,
    peers_on_previous_key: customer.id === "acme" ? 1 : 0,
    disabled_peers: customer.disabled ?? ["old-laptop"],
    disabled_peers_more: customer.id === "globex" ? 12 : 0,
    listen_port: 51820,
    own_listener: false,
    listener_public_key: "mXr0r2Vb8i9cQyq3hJ6nXk1B0Yw5o3d8TzE4lKfVxQI=",
    rx_packets: Math.round(customer.rx / 900),
    tx_packets: Math.round(customer.tx / 1100),
    routes: [
      ...customer.peers.flatMap((peer) => peer.allowed.map((to) => ({ to, peer: peer.name, connection: null }))),
      ...customer.connections.flatMap((one) =>
        connectionView(customer, one).networks.map((to) => ({ to, peer: null, connection: one.name })),
      ),
    ].slice(0, 1000),
    drops: [...customer.drops].sort((a, b) => b.packets - a.packets),
    refused: customer.id === "acme" && customer.peers.length > 0 ? [refusedPeer(customer)] : [],
  };
}

export function overviewView(world, rows, now, role) {
  const customers = { total: rows.length, ...Object.fromEntries(states.map((state) => [state, 0])) };
  const peers = { total: 0, online: 0, idle: 0, never: 0 };
  const connections = { total: 0, up: 0, connecting: 0, down: 0, listening: 0, unserved: 0 };
  const rates = zero();
  let rx = 0;
  let tx = 0;
  for (const row of rows) {
    customers[row.state] += 1;
    for (const name of Object.keys(peers)) peers[name] += row.peers[name];
    for (const name of Object.keys(connections)) connections[name] += row.connections[name];
    addRates(rates, row.rates);
    rx += row.rx_bytes;
    tx += row.tx_bytes;
  }
  const all = role !== "customer";
  return {
    appliance: "demo-hub",
    version: "0.1.0",
    slot: null,
    generation: 42,
    as_of: iso(now),
    stale: world.stale,
    customers,
    peers,
    connections,
    rates,
    rx_bytes: rx,
    tx_bytes: tx,
    under_load: false,
    handshakes_completed: all ? 81_422 : 0,
    handshakes_initiated: all ? 81_540 : 0,
    verdict: verdictOf(alarms(world, rows)),
    pending: role === "customer" ? null : (world.pending ?? null),
    alarms: alarms(world, rows),
    drops: all ? [drop("unknown_peer", 1289)] : [],
  };
}

/** As Router::soon() in web/api/router_find.cc. */
export function soonView(world, rows, now, limit) {
  const quotas = [];
  const expiring = [];
  const seen = new Set(rows.map((row) => row.id));
  for (const customer of world.customers) {
    if (!seen.has(customer.id)) continue;
    const add = (peer, month) => {
      if ((month.month_rx_bytes + month.month_tx_bytes) / (month.quota_bytes ?? Infinity) >= 0.8)
        quotas.push({ customer: customer.id, peer, connection: null, ...month });
    };
    add(null, customerMonth(customer));
    for (const peer of customer.peers) {
      add(peer.name, peerMonth(peer));
      if (peer.expires !== null && peer.expires > now && peer.expires < now + 14 * day)
        expiring.push({ customer: customer.id, peer: peer.name, expires: iso(peer.expires) });
    }
  }
  const share = (one) => (one.month_rx_bytes + one.month_tx_bytes) / one.quota_bytes;
  quotas.sort((a, b) => share(b) - share(a));
  expiring.sort((a, b) => (a.expires < b.expires ? -1 : 1));
  return {
    quotas: quotas.slice(0, limit),
    expiring: expiring.slice(0, limit),
    has_more: quotas.length > limit || expiring.length > limit,
    as_of: iso(now),
    stale: world.stale,
  };
}

/** As verdict_of() in health/health.cc. */
function verdictOf(alarms) {
  if (alarms.length === 0) return "All is well.";
  const critical = alarms.filter((alarm) => alarm.severity === "critical").length;
  if (alarms.length === 1) return `1 thing needs attention${critical === 1 ? " at once" : ""}.`;
  return `${alarms.length} things need attention${critical === 0 ? "" : `, ${critical} of them at once`}.`;
}

function alarms(world, rows) {
  const since = iso(world.started);
  const found = world.stale
    ? [
        {
          kind: "vpnd_unreachable",
          severity: "critical",
          since,
          customer: null,
          ...alarmWords("vpnd_unreachable"),
        },
      ]
    : [];
  const down = rows.filter((row) => row.state === "down").slice(0, 2);
  const incomplete = rows.filter((row) => row.id === "globex");
  return [
    ...found,
    ...incomplete.map((row) => ({
      kind: "stack_incomplete",
      severity: "critical",
      since,
      customer: row.id,
      ...alarmWords("stack_incomplete", { stack: row.id, reason: "the device br0 does not exist" }),
    })),
    ...down.map((row) => ({
      kind: "customer_down",
      severity: "critical",
      since: row.state_since,
      customer: row.id,
      ...alarmWords("customer_down", { reason: `${row.name}: ${row.state_sentence}` }),
    })),
  ];
}

export function seriesView(points, step) {
  return {
    step_seconds: step,
    times: points.map(([at]) => Math.round(at / 1000 / step) * step),
    rx_bits_per_second: points.map(([, rates]) => rates.rx_bits_per_second),
    tx_bits_per_second: points.map(([, rates]) => rates.tx_bits_per_second),
  };
}

export function systemView(world, role, now) {
  return {
    appliance: "demo-hub",
    version: "0.1.0",
    generation: 42,
    slot: null,
    listen: "127.0.0.1:8443",
    certificate: {
      fingerprint_sha256:
        "9F:0A:5C:11:7D:E2:44:B8:02:6E:91:3C:AA:57:F0:1B:C8:3D:62:7E:15:94:D0:2F:8B:46:E7:A9:30:5D:C1:74",
      subject: "CN=demo-hub",
      not_before: iso(now - 9e9),
      not_after: iso(now + 3e10),
      self_signed: true,
    },
    vpnd: {
      reachable: !world.stale,
      snapshot_age_seconds: world.stale ? 31 : 0.8,
      encryption: "ipsec-mb+lanes",
      under_load: false,
      handshakes_initiated: 81_540,
      handshakes_completed: 81_422,
      customers: world.customers.length,
      peers: world.customers.reduce((sum, customer) => sum + customer.peers.length, 0),
      connections: world.customers.reduce((sum, customer) => sum + customer.connections.length, 0),
      ike_sas: 4821,
      child_sas: 4950,
      half_open: 3,
      cpu_seconds: 48_211.4,
      cpu_share: world.stale ? null : 0.71,
      memory_bytes: 142e6,
      workers: [
        {
          worker: 0,
          cpu_seconds: 30_120.2,
          cpu_share: world.stale ? null : 0.46,
          handed_over: 120,
          taken_over: 1_204_331,
          ring_full: 0,
        },
        {
          worker: 1,
          cpu_seconds: 17_980.1,
          cpu_share: world.stale ? null : 0.24,
          handed_over: 1_204_331,
          taken_over: 120,
          ring_full: 7,
        },
      ],
    },
    statusd: {
      uptime_seconds: Math.round((now - world.started) / 1000) + 93_784,
      memory_bytes: 58e6,
      cpu_seconds: 312.5,
      viewers: 3,
      sessions: 2,
      connections: 5,
    },
    refused: [
      refusedView("bad_mac1", 1),
      ...world.customers.filter(({ id, peers }) => id === "acme" && peers.length > 0).map(refusedPeer),
      refusedView("unknown_peer", 9, { key_begins: "gN65BkIK", from: "[2001:db8::7]:51820" }),
    ],
    users_file: role === "operator" ? { users: 3, tokens: 1, error: null } : null,
    alerts: role === "operator" ? alertsView(now) : null,
  };
}

const minutes = 60_000;

function alertsView(now) {
  const target = (name, where, works, answer, waiting, last) => ({
    name,
    where,
    works,
    answer,
    waiting,
    delivered: 41,
    dropped: 0,
    last_at: last && iso(now - 5 * minutes),
    last_text: last,
  });
  return {
    configured: true,
    running: true,
    open: 2,
    targets: [
      target("webhook", "https://hooks.example.net", true, "HTTP 200", 0, "Customer sites has used its quota."),
      target("mail", "relay.example.net:587", false, "Connection refused", 2, null),
    ],
  };
}

/** The newest first. A customer's user is told of its own customer's fields, and of nothing else. */
export function revisionsOf(now, role, customer) {
  const file = (id, lines) => ({ name: `customers/${id}.toml`, fate: "changed", lines, more_lines: 0 });
  const made = [
    {
      by: { origin: "request", uid: 0, claimed_user: "ada", comment: "acme gets a smaller MTU; ticket 4711" },
      changes: [{ customer: "acme", text: "stack.mtu: 1420 -> 1380" }],
      files: [file("acme", [" [stack]", ' addresses = ["10.0.0.1/24"]', "-mtu = 1420", "+mtu = 1380", "@"])],
    },
    {
      by: { origin: "page", uid: null, claimed_user: "acme", comment: null },
      changes: [{ customer: "acme", text: "peer linz: + 10.0.0.9/32" }],
      files: [file("acme", ["@", "+[[wireguard.peer]]", '+name = "linz"', '+allowed_ips = ["10.0.0.9/32"]'])],
    },
    {
      by: { origin: "request", uid: 0, claimed_user: null, comment: "the sites move to the new line" },
      changes: [
        { customer: "sites", text: "traffic.rate_up: 100 Mbit/s -> 1 Gbit/s" },
        { customer: null, text: "workers: 2 -> 4" },
      ],
      files: [
        { name: "warren.toml", fate: "changed", lines: ["-workers = 2", "+workers = 4"], more_lines: 0 },
        file("sites", ["@", " # " + "a long line ".repeat(20), '-rate_up = "100 Mbit/s"', '+rate_up = "1 Gbit/s"']),
        { name: "secrets/sites/psk", fate: "added", lines: [], more_lines: 0 },
      ],
    },
    {
      by: { origin: "start", uid: null, claimed_user: null, comment: null },
      changes: [{ customer: "acme", text: "add the customer with 3 peers" }],
      files: [],
    },
  ];
  const views = [];
  for (const [index, one] of made.entries()) {
    const isOwn = role === "customer";
    const changes = one.changes.filter((each) => !isOwn || each.customer === "acme");
    const ids = [...new Set(changes.map((each) => each.customer).filter(Boolean))];
    if (changes.length === 0 || (customer && !ids.includes(customer))) continue;
    views.push({
      revision: isOwn ? null : made.length - index,
      at: iso(now - (index + 1) * 47 * minutes),
      ...one.by,
      ...(isOwn && { uid: null, comment: null, claimed_user: one.by.claimed_user === "acme" ? "acme" : null }),
      customers: ids,
      changes,
      files: isOwn ? [] : one.files,
      more_files: 0,
    });
  }
  return views;
}

/** As much as there can be, for one customer; others have no firewall and no services. */
export function stackView(customer, now) {
  const at = iso(now);
  if (customer.id !== "acme") return { at, firewall: null, services: [], lan: null, certificates: [] };
  const rule = (name, summary, packets, last) => ({
    name,
    own: summary !== null,
    summary,
    packets,
    bytes: packets * 640,
    last_hit_seconds: last,
  });
  return {
    at,
    firewall: {
      installed: true,
      rules: [
        rule("ping", null, 1204, 3),
        rule("branches reach the ERP", "accept tcp from group:branches to 10.42.0.10 port 443, 8443", 48_211_904, 0),
        rule("default", null, 377, null),
      ],
      rules_more: 0,
      connections: 812,
      max_connections: 65_536,
      refused_packets: 0,
    },
    services: [
      {
        service: "dns",
        program: "unbound",
        state: "running",
        since: iso(now - 90 * minutes),
        restarts: 0,
        problem: null,
      },
      {
        service: "bgp",
        program: "bird",
        state: "refused",
        since: iso(now - 12 * minutes),
        restarts: 3,
        problem: "bird does not accept its configuration: line 12: syntax error",
      },
    ],
    lan: {
      state: "no_carrier",
      mtu: 1500,
      neighbours: [
        { address: "10.42.0.10", mac: "52:54:00:12:34:56", answers: true },
        { address: "10.42.0.11", mac: null, answers: false },
      ],
      neighbours_more: 0,
    },
    certificates: [
      { field: "ipsec.certificate", file: "acme/gateway.pem", not_after: iso(now + 12 * day) },
      { field: "ipsec.ca[0]", file: "acme/ca.pem", not_after: iso(now + 900 * day) },
    ],
  };
}
