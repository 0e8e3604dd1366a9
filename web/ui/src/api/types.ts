// Made by scripts/types.mjs from web/api/openapi.json; do not edit.

/** An error (RFC 9457). Two answers of one status that must not be told apart are the same bytes. */
export interface Problem {
  /** Always about:blank. */
  type: string;
  /** The status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What was wrong, for a person. Absent from 404. */
  detail?: string;
}

export interface Login {
  user: string;
  password: string;
}

/** Who asks, and until when. */
export interface Session {
  /** The name in users.toml, or of the token. */
  user: string;
  /** operator and viewer see everything (an operator also sees who may log in), customer sees what is his. */
  role: "operator" | "viewer" | "customer";
  /** What a customer may see; null: everything. */
  customers: string[] | null;
  /** How he showed it. */
  kind: "cookie" | "token";
  /** The session ends then in any case; null for a token. ISO 8601, UTC, ending in Z. */
  expires_at: string | null;
  /** It ends then unless something is asked before; null for a token. ISO 8601, UTC, ending in Z. */
  idle_expires_at: string | null;
}

/** Packets that went no further, for one reason. */
export interface Drop {
  /** Stable: scripts use it. */
  name: string;
  /** Since vpnd started. */
  packets: number;
  /** What it means, for a person. */
  sentence: string;
  /** What an operator can do about it; may be empty: nothing. */
  what_to_do: string;
}

/** Now. in: from the network to the stack, out: the other way. */
export interface Rates {
  /**  Bits per second of encrypted payload messages, over the last 2 s. */
  in_bits_per_second: number;
  /**  Bits per second of encrypted payload messages, over the last 2 s. */
  out_bits_per_second: number;
}

/** Something that a person should look at. */
export interface Alarm {
  kind: "vpnd_unreachable" | "under_load" | "customer_down" | "certificate_expiring" | "users_file_invalid";
  severity: "warning" | "critical";
  /** When it began. ISO 8601, UTC, ending in Z. */
  since: string;
  /** His id, when it concerns one. */
  customer: string | null;
  /** What is the matter. */
  sentence: string;
  /** And what to do. */
  what_to_do: string;
}

export interface CustomerCounts {
  total: number;
  up: number;
  degraded: number;
  down: number;
  never: number;
  suspended: number;
}

export interface PeerCounts {
  total: number;
  online: number;
  idle: number;
  never: number;
}

/** The dashboard. A customer's numbers are of his customers only. */
export interface Overview {
  /** Its name. */
  appliance: string;
  /** Of Warren. */
  version: string;
  /** Of the image that runs, where there are slots. */
  slot: string | null;
  /** Of the configuration. */
  generation: number;
  /** When vpnd said so. ISO 8601, UTC, ending in Z. */
  as_of: string;
  /** vpnd has not answered for 10 s: everything here is old. */
  stale: boolean;
  customers: CustomerCounts;
  peers: PeerCounts;
  rates: Rates;
  /** From the network, since vpnd started. */
  rx_bytes: number;
  /** To the network, since vpnd started. */
  tx_bytes: number;
  /** Handshakes are answered with cookies first. Always false for a customer. */
  under_load: boolean;
  /** 0 for a customer. */
  handshakes_completed: number;
  /** 0 for a customer. */
  handshakes_initiated: number;
  /** Before a customer was known; empty for a customer. */
  drops: Drop[];
  /** The worst first. */
  alarms: Alarm[];
}

/** One row of the list. */
export interface Customer {
  /** The name of his file. */
  id: string;
  /** For people. */
  name: string;
  /**
   * up: every peer that was ever there is online; degraded: some are; down: none is, though one was; never: none ever
   * was; suspended: by his file.
   */
  state: "up" | "degraded" | "down" | "never" | "suspended";
  /** Why this state, for a tooltip. */
  state_sentence: string;
  /** As far back as this page remembers. ISO 8601, UTC, ending in Z. */
  state_since: string | null;
  peers: PeerCounts;
  rates: Rates;
  /** From the network. */
  rx_bytes: number;
  /** To the network. */
  tx_bytes: number;
  /** Packets. */
  drops_total: number;
  /** Of any peer. ISO 8601, UTC, ending in Z. */
  last_handshake: string | null;
}

/** A destination inside the stack and the peer it leads to. */
export interface Route {
  /** A prefix. */
  to: string;
  /** As configured; unique in its place. */
  peer: string;
}

/** One customer. */
export interface CustomerDetail {
  /** The name of his file. */
  id: string;
  /** For people. */
  name: string;
  /**
   * up: every peer that was ever there is online; degraded: some are; down: none is, though one was; never: none ever
   * was; suspended: by his file.
   */
  state: "up" | "degraded" | "down" | "never" | "suspended";
  /** Why this state, for a tooltip. */
  state_sentence: string;
  /** As far back as this page remembers. ISO 8601, UTC, ending in Z. */
  state_since: string | null;
  peers: PeerCounts;
  rates: Rates;
  /** From the network. */
  rx_bytes: number;
  /** To the network. */
  tx_bytes: number;
  /** Packets. */
  drops_total: number;
  /** Of any peer. ISO 8601, UTC, ending in Z. */
  last_handshake: string | null;
  /** Of vpn0. */
  addresses: string[];
  /** Of vpn0, bytes. */
  mtu: number;
  /** UDP. */
  listen_port: number;
  /** A listener of his own, not the shared one. */
  own_listener: boolean;
  /** base64: what his clients need to know. */
  listener_public_key: string;
  rx_packets: number;
  tx_packets: number;
  /** The AllowedIPs of his peers, the first 1000. */
  routes: Route[];
  /** The most frequent first. */
  drops: Drop[];
  /** Processor time of the packet workers for him, since vpnd started. */
  cpu_seconds: number;
  rate_limit: RateLimit;
}

/** One peer. */
export interface Peer {
  /** His id. */
  customer: string;
  /** As configured; unique in its place. */
  name: string;
  /** base64. */
  public_key: string;
  /** online: a handshake within 180 s; idle: one before that; never: none since vpnd started. */
  state: "online" | "idle" | "never";
  /** Why this state, for a tooltip. */
  state_sentence: string;
  /** Idle for more than 24 h. */
  stale: boolean;
  /** As far back as this page remembers. ISO 8601, UTC, ending in Z. */
  state_since: string | null;
  /** null: never. ISO 8601, UTC, ending in Z. */
  last_handshake: string | null;
  /** ADDRESS:PORT that it was last heard from. */
  endpoint: string | null;
  rates: Rates;
  rx_bytes: number;
  tx_bytes: number;
  allowed_ips: string[];
  has_preshared_key: boolean;
  /** 0: off. */
  persistent_keepalive_seconds: number;
}

/** Something that changed. */
export interface Event {
  /** Grows. */
  id: number;
  /** When this page saw it, within 2 s. ISO 8601, UTC, ending in Z. */
  at: string;
  /**
   * online: a handshake; idle: none for 180 s; roamed: another endpoint; added, removed, changed: by configuration;
   * drops: packets dropped for a reason that had been quiet for a minute; rate_limited: likewise, for a limit:
   * handshakes or traffic that were too much; suspended, resumed: a customer; vpnd_started, vpnd_lost: the tunnel
   * daemon.
   */
  kind:
    | "online"
    | "idle"
    | "roamed"
    | "added"
    | "removed"
    | "changed"
    | "drops"
    | "rate_limited"
    | "suspended"
    | "resumed"
    | "vpnd_started"
    | "vpnd_lost";
  /** His id. */
  customer: string | null;
  /** Its name. */
  peer: string | null;
  /** For a person. */
  sentence: string;
  /** A drop's name. */
  reason: string | null;
  /** The endpoint or state after. */
  to: string | null;
  /** The endpoint or state before. */
  from: string | null;
}

/** Columns of equal length, oldest first. A point is the mean of its step; null: statusd did not see that step. */
export interface Timeseries {
  /** 2 or 60. */
  step_seconds: number;
  /** Seconds since 1970, of the end of each step. */
  times: number[];
  /** From the network to the stack. */
  in_bits_per_second: (number | null)[];
  /** The other way. */
  out_bits_per_second: (number | null)[];
}

/** A page of customers. */
export interface CustomerPage {
  items: Customer[];
  /** That match, on all pages. */
  total: number;
  /** As used. */
  limit: number;
  /** As used. */
  offset: number;
  /** When vpnd said so. ISO 8601, UTC, ending in Z. */
  as_of: string;
}

/** A page of peers. */
export interface PeerPage {
  items: Peer[];
  /** That match, on all pages. */
  total: number;
  /** As used. */
  limit: number;
  /** As used. */
  offset: number;
  /** When vpnd said so. ISO 8601, UTC, ending in Z. */
  as_of: string;
}

/** Newest first. */
export interface EventList {
  items: Event[];
  /** Ask with before= this for older ones; null: there are none. */
  next_before: number | null;
}

/** Of this page. */
export interface Certificate {
  /** AA:BB:... as browsers and vpnctl web fingerprint show it. */
  fingerprint_sha256: string;
  subject: string;
  /** Valid from. ISO 8601, UTC, ending in Z. */
  not_before: string;
  /** Valid to. ISO 8601, UTC, ending in Z. */
  not_after: string;
  self_signed: boolean;
}

/** This page's own process. */
export interface WebProcess {
  uptime_seconds: number;
  /** Resident. */
  memory_bytes: number;
  /** Used so far. */
  cpu_seconds: number;
  /** Open event streams. */
  viewers: number;
  /** Logged in. */
  sessions: number;
  /** Open. */
  connections: number;
}

/** A thread of vpnd that carries packets. */
export interface Worker {
  /** Its number. */
  worker: number;
  /** CPU time so far. */
  cpu_seconds: number;
  /** Of one core, in the last interval (2 s); null: not known. */
  cpu_share: number | null;
  /** Packets that came here and went to the worker whose customer they are. */
  handed_over: number;
  /** Packets that came to another worker. */
  taken_over: number;
  /** Packets dropped because the other worker had no room for them. */
  ring_full: number;
}

/** vpnd. */
export interface TunnelProcess {
  reachable: boolean;
  /** null: none came yet. */
  snapshot_age_seconds: number | null;
  /** The AEAD backend; empty: unknown. */
  encryption: string;
  under_load: boolean;
  handshakes_initiated: number;
  handshakes_completed: number;
  customers: number;
  peers: number;
  /** CPU time of the process so far, all threads. */
  cpu_seconds: number;
  /** Of one core, in the last interval (2 s), all threads together; null: not known. */
  cpu_share: number | null;
  /** Resident memory; null: not known. */
  memory_bytes: number | null;
  /** The data workers, by number. */
  workers: Worker[];
}

/** users.toml. */
export interface UsersFile {
  users: number;
  tokens: number;
  /** Why the file as it is now was not taken; those from before stay. */
  error: string | null;
}

/** The appliance itself. */
export interface System {
  appliance: string;
  version: string;
  generation: number;
  /** Of the image that runs, where there are slots. */
  slot: string | null;
  /** ADDRESS:PORT */
  listen: string;
  certificate: Certificate | null;
  vpnd: TunnelProcess;
  statusd: WebProcess;
  /** null for a viewer. */
  users_file: UsersFile | null;
}

/** The data of an event stream's messages of type delta: what changed since the one before. */
export interface Delta {
  /**  ISO 8601, UTC, ending in Z. */
  as_of: string;
  overview: Overview;
  /**
   * Whole rows that changed, of those that are watched (watch=, customer=); for others only when the state or the
   * number of peers online changed.
   */
  customers: Customer[];
  /** With customer=: whole rows of his peers that changed; else empty. */
  peers: Peer[];
  /** Oldest first. */
  events: Event[];
  /** Customers or peers came or went, or more rows changed than are sent: ask for the list again. */
  reload: boolean;
}

export interface Ready {
  ready: boolean;
  /** Why not. */
  reasons: string[];
}

/** From his file; 0: none. */
export interface RateLimit {
  /** From the network to the stack. */
  in_bits_per_second: number;
  /** The other way. */
  out_bits_per_second: number;
}
