// Made by scripts/types.mjs from web/api/openapi.json; do not edit.

/** An error (RFC 9457). */
export interface Problem {
  /** Always about:blank. */
  type: string;
  /** The status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What is wrong, in a sentence; absent from 404. */
  detail?: string;
}

/** The body of a login. */
export interface Login {
  /** The name in users.toml. */
  user: string;
  /** The user's password. */
  password: string;
}

/** The login of this client. */
export interface Session {
  /** The name of the user or the token in users.toml. */
  user: string;
  /** operator: all. viewer: all but users_file. customer, reseller: their customers. */
  role: "operator" | "viewer" | "customer" | "reseller";
  /** The customers that this login may see, of the role reseller whose customers; null: all. */
  customers: string[] | null;
  /** How the client authenticated. */
  kind: "cookie" | "token";
  /** When the session ends at the latest; null for a token. */
  expires_at: string | null;
  /** When the session ends without further requests; null for a token. */
  idle_expires_at: string | null;
  /** Whether this login may change something, once it is unlocked. */
  may_change: boolean;
  /** Its user has shown the password for changes. */
  unlocked: boolean;
}

/** What anybody may know. */
export interface About {
  /** The appliance's name. */
  appliance: string;
}

/** Packets dropped for one reason. */
export interface Drop {
  /** The reason; a stable name for scripts. */
  name: string;
  /** Packets since vpnd started. */
  packets: number;
  /** What the reason means. */
  sentence: string;
  /** What an operator can do; empty: nothing. */
  what_to_do: string;
}

/** Who sends messages of handshakes that are refused, for one reason. */
export interface RefusedSender {
  /** A reason of drops; a stable name for scripts. */
  reason: string;
  /** What the reason means. */
  sentence: string;
  /** ADDRESS:PORT of its latest message; it may be forged. */
  from: string;
  /** The first letters of the public key that it claims; null: not read. */
  key_begins: string | null;
  /** The customer whose own listener received it; null: the shared one. */
  listener: string | null;
  /** The customer whose peer it claims to be; null: nobody's. */
  customer: string | null;
  /** The peer that it claims to be; null: none. */
  peer: string | null;
  /** How many were refused since first. */
  messages: number;
  /** When the first was refused. */
  first: string;
  /** When the latest was refused. */
  last: string;
}

/** Current throughput in encrypted payload messages, averaged over 2 s. */
export interface Rates {
  /** From the peers into the stack. */
  rx_bits_per_second: number;
  /** From the stack to the peers. */
  tx_bits_per_second: number;
}

/** A condition that needs an operator. */
export interface Alarm {
  /** The condition. */
  kind:
    | "vpnd_unreachable"
    | "stackd_unreachable"
    | "customer_not_served"
    | "stack_incomplete"
    | "not_in_force"
    | "last_good_in_force"
    | "file_invalid"
    | "under_load"
    | "users_file_invalid"
    | "certificate_expiring"
    | "customer_down"
    | "connection_unserved";
  /** critical: traffic is affected. */
  severity: "warning" | "critical";
  /** When it began. */
  since: string;
  /** The customer's id; null: the appliance. */
  customer: string | null;
  /** What is wrong. */
  sentence: string;
  /** What an operator can do. */
  what_to_do: string;
}

/** Customers by state. */
export interface CustomerCounts {
  /** All. */
  total: number;
  /** In state up. */
  up: number;
  /** In state degraded. */
  degraded: number;
  /** In state down. */
  down: number;
  /** In state never. */
  never: number;
  /** In state suspended. */
  suspended: number;
  /** In state unserved. */
  unserved: number;
}

/** Peers by state. */
export interface PeerCounts {
  /** All. */
  total: number;
  /** In state online. */
  online: number;
  /** In state idle. */
  idle: number;
  /** In state never. */
  never: number;
}

/** The whole appliance; for a customer, the sums over its customers. */
export interface Overview {
  /** The appliance's name. */
  appliance: string;
  /** The version of Warren. */
  version: string;
  /** The active image slot; null: not an image. */
  slot: string | null;
  /** The generation of the configuration in force. */
  generation: number;
  /** The time of the last snapshot from vpnd. */
  as_of: string;
  /** vpnd has not answered for 10 s: all figures are old. */
  stale: boolean;
  customers: CustomerCounts;
  peers: PeerCounts;
  connections: ConnectionCounts;
  rates: Rates;
  /** Bytes received from peers since vpnd started. */
  rx_bytes: number;
  /** Bytes sent to peers since vpnd started. */
  tx_bytes: number;
  /** Handshakes need a cookie first; always false for a customer. */
  under_load: boolean;
  /** Handshakes that created a session; 0 for a customer. */
  handshakes_completed: number;
  /** Handshakes started by either side; 0 for a customer. */
  handshakes_initiated: number;
  /** Drops before a customer was known; empty for a customer. */
  drops: Drop[];
  /** The alarms in a sentence, as vpnctl status says it; "All is well." without any. */
  verdict: string;
  /** Critical alarms first. */
  alarms: Alarm[];
  /** What waits for a confirmation; null: nothing, or a customer asks. */
  pending: Pending | null;
}

/** A row of the list of customers. */
export interface Customer {
  /** The customer's id: the name of its file. */
  id: string;
  /** The customer's display name. */
  name: string;
  state: CustomerState;
  /** Why the customer is in this state. */
  state_sentence: string;
  /** When the state began; null: before statusd started. */
  state_since: string | null;
  peers: PeerCounts;
  connections: ConnectionCounts;
  rates: Rates;
  /** Bytes received from its peers. */
  rx_bytes: number;
  /** Bytes sent to its peers. */
  tx_bytes: number;
  /** Packets dropped, for any reason. */
  drops_total: number;
  /** The latest handshake of any peer; null: none. */
  last_handshake: string | null;
  /** Its packets are delayed or lost on purpose (traffic.emulate). */
  is_test_link: boolean;
  /** It has no stack until a packet needs one (stack.park); its tunnels may be up. */
  is_parked: boolean;
  /** Bytes of both directions that may pass in a calendar month of UTC; null: no quota. */
  quota_bytes: number | null;
  /** Bits per second of each direction once it is spent; drop: nothing passes. null: no quota. */
  after_quota: number | "drop" | null;
  /** Whether it is spent; null: no quota. */
  quota_spent: boolean | null;
  /** Bytes received in this month of UTC. */
  month_rx_bytes: number;
  /** Bytes sent in this month of UTC. */
  month_tx_bytes: number;
}

/** A route inside the stack. */
export interface Route {
  /** The destination prefix. */
  to: string;
  /** The peer that it leads to; null: a connection. */
  peer: string | null;
  /** The connection that it leads to; null: a peer. */
  connection: string | null;
}

/** How the customer's LAN reaches its stack. */
export interface Lan {
  /** veth, macvlan, vlan or physical. */
  type: string;
  /** The device of the appliance; null: none, or hidden from the role customer. */
  parent: string | null;
  /** Addresses of lan0. */
  addresses: string[];
}

/** A route of the customer's file. */
export interface StaticRoute {
  /** The destination prefix. */
  to: string;
  /** The next hop. */
  via: string;
}

/** What happens to the packets of one direction. Parts are of a million. */
export interface Emulation {
  /** Microseconds that each is held back. */
  delay_us: number;
  /** Microseconds more or less. */
  jitter_us: number;
  /** The part that is dropped. */
  loss: number;
  /** The part that is not held back. */
  reorder: number;
  /** The part that is sent twice. */
  duplicate: number;
  /** Bits per second; null: no limit. */
  rate: number | null;
}

/** A test link (traffic.emulate). */
export interface TestLink {
  up: Emulation;
  down: Emulation;
}

/** A network that is another one for the stack, one to one. */
export interface PrefixMap {
  /** Behind the peer. */
  real: string;
  /** In the stack. */
  mapped: string;
}

/** A customer with its stack, routes and drops. */
export interface CustomerDetail {
  /** The customer's id: the name of its file. */
  id: string;
  /** The customer's display name. */
  name: string;
  state: CustomerState;
  /** Why the customer is in this state. */
  state_sentence: string;
  /** When the state began; null: before statusd started. */
  state_since: string | null;
  peers: PeerCounts;
  connections: ConnectionCounts;
  rates: Rates;
  /** Bytes received from its peers. */
  rx_bytes: number;
  /** Bytes sent to its peers. */
  tx_bytes: number;
  /** Packets dropped, for any reason. */
  drops_total: number;
  /** The latest handshake of any peer; null: none. */
  last_handshake: string | null;
  /** Addresses of vpn0. */
  addresses: string[];
  /** The MTU of vpn0, in bytes. */
  mtu: number;
  /** The UDP port that its peers use. */
  listen_port: number;
  /** True: a listener of its own. False: the shared one. */
  own_listener: boolean;
  /** The server's public key for its peers, in base64. */
  listener_public_key: string;
  /** Packets received from its peers. */
  rx_packets: number;
  /** Packets sent to its peers. */
  tx_packets: number;
  /** Routes from the AllowedIPs of its peers, at most 1000. */
  routes: Route[];
  /** The most frequent reason first. */
  drops: Drop[];
  /** Processor time for its packets since vpnd started. */
  cpu_seconds: number;
  /** traffic.rate_up: bits per second from the peers into the stack; null: no limit. */
  rate_up: number | null;
  /** traffic.rate_down: bits per second from the stack to the peers; null: no limit. */
  rate_down: number | null;
  /** What is done to its packets; null: nothing. */
  test_link: TestLink | null;
  /** False: it is not as configured; see the alarms. Null: not known, as all that follows. */
  stack_complete: boolean | null;
  /** The LAN at lan0; null: none. */
  lan: Lan | null;
  /** The first of stack.route of its file, at most 200. */
  static_routes: StaticRoute[] | null;
  /** How many static routes are not in that list. */
  static_routes_more: number | null;
  /** The first of the peers with enabled = false, at most 200. They are in no other list. */
  disabled_peers: string[] | null;
  /** How many disabled peers are not in that list. */
  disabled_peers_more: number | null;
  /** Who claims to be one of its peers and was refused, the latest first. */
  refused: RefusedSender[];
  /** What its file says of it for people; null: nothing, or not known. */
  description: string | null;
  /** What its file says of its peers: the first 200. */
  peer_descriptions: Description[];
  /** How many enabled peers it may have; null: any number, or not known. */
  max_peers: number | null;
  /** Peers that still use the server's previous key. */
  peers_on_previous_key: number;
  /** Its packets are delayed or lost on purpose (traffic.emulate). */
  is_test_link: boolean;
  /** It has no stack until a packet needs one (stack.park); its tunnels may be up. */
  is_parked: boolean;
  /** Bytes of both directions that may pass in a calendar month of UTC; null: no quota. */
  quota_bytes: number | null;
  /** Bits per second of each direction once it is spent; drop: nothing passes. null: no quota. */
  after_quota: number | "drop" | null;
  /** Whether it is spent; null: no quota. */
  quota_spent: boolean | null;
  /** Bytes received in this month of UTC. */
  month_rx_bytes: number;
  /** Bytes sent in this month of UTC. */
  month_tx_bytes: number;
  /** traffic.share: its weight against other customers. */
  share: number;
  /** Handshakes of WireGuard per second that it may begin; null: only the appliance's bounds. */
  max_handshake_rate: number | null;
  /** When the first of its peers that have not expired will; null: none. */
  next_expiry: string | null;
  /** Which one that is; null: none. */
  next_to_expire: string | null;
  /** The server's previous key, which its peers may still use, in base64; null: none. */
  listener_previous_public_key: string | null;
}

/** A peer of a customer. */
export interface Peer {
  /** The customer's id. */
  customer: string;
  /** The peer's name, unique within the customer. */
  name: string;
  /** In base64. */
  public_key: string;
  state: PeerState;
  /** Why the peer is in this state. */
  state_sentence: string;
  /** Idle for more than 24 h. */
  stale: boolean;
  /** When the state began; null: before statusd started. */
  state_since: string | null;
  /** The last handshake; null: none. */
  last_handshake: string | null;
  /** ADDRESS:PORT of the last authenticated message; null: none. */
  endpoint: string | null;
  rates: Rates;
  /** Bytes received from the peer. */
  rx_bytes: number;
  /** Bytes sent to the peer. */
  tx_bytes: number;
  /** AllowedIPs: the first 2,000. */
  allowed_ips: string[];
  /** How many more it has; the search does not know them. */
  allowed_ips_left_out: number;
  /** Whether a preshared key is configured. */
  has_preshared_key: boolean;
  /** The keepalive interval; 0: off. */
  persistent_keepalive_seconds: number;
  /** From then on it has no tunnel; null: never. */
  expires: string | null;
  /** The key that replaces public_key, while both are its; null: it has one key. */
  next_public_key: string | null;
  /** Of which of its keys the last handshake was; null: none. */
  key_in_use: "present" | "next" | null;
  /** The same of the server's keys. */
  server_key_in_use: "present" | "previous" | null;
  /** Bits per second from the peer into the stack; null: no limit. */
  rate_up: number | null;
  /** Bits per second from the stack to the peer; null: no limit. */
  rate_down: number | null;
  /** Bytes of both directions that may pass in a calendar month of UTC; null: no quota. */
  quota_bytes: number | null;
  /** Bits per second of each direction once it is spent; drop: nothing passes. null: no quota. */
  after_quota: number | "drop" | null;
  /** Whether it is spent; null: no quota. */
  quota_spent: boolean | null;
  /** Bytes received in this month of UTC. */
  month_rx_bytes: number;
  /** Bytes sent in this month of UTC. */
  month_tx_bytes: number;
  /** Its networks that are others for the stack; allowed_ips has the mapped ones. */
  maps: PrefixMap[];
  /** ADDRESS:PORT that it goes to and back from: two machines may use its key; null: none. */
  flaps_with: string | null;
}

/** A change; kept for 30 days. */
export interface Event {
  /** Increases with every event. */
  id: number;
  /** When statusd noticed the change; at most 2 s late. */
  at: string;
  kind: EventKind;
  /** The customer's id; null: the appliance. */
  customer: string | null;
  /** The peer's name; null: the customer, or a connection. */
  peer: string | null;
  /** The connection's name; null: none. */
  connection: string | null;
  /** What changed. */
  sentence: string;
  /** Of drops and failed attempts: the drop reason. Of what is lost: what ended it. */
  reason: string | null;
  /** The endpoint, state or name afterwards. */
  to: string | null;
  /** The endpoint, state or name before. */
  from: string | null;
}

/** From when to when something was down. */
export interface Outage {
  /** The customer's id. */
  customer: string;
  /** The peer's name; null: the customer as a whole, or a connection. */
  peer: string | null;
  /** The connection's name; null: none. */
  connection: string | null;
  /** When statusd noticed it; of a peer of WireGuard 180 s after its last handshake. */
  began: string;
  /** null: it goes on. */
  ended: string | null;
  /** How long it lasted, or has lasted so far. */
  seconds: number;
  /** As the reason of the event; silent: no handshake for 180 s. */
  cause: string;
  /** It ended because the peer, connection or customer was removed. */
  removed: boolean;
}

/** Outages, latest first. */
export interface OutageList {
  /** Those that overlap the time asked for. */
  items: Outage[];
  /** There are older ones. */
  has_more: boolean;
}

/** A customer, peer or connection that has the text. */
export interface Found {
  /** What it is. */
  kind: "customer" | "peer" | "connection";
  /** The customer's id. */
  customer: string;
  /** The peer's or connection's name; of a customer its id. */
  name: string;
  /** As in the lists of its kind. */
  state: string;
  /** What has the text. */
  matched: "id" | "name" | "address" | "network" | "key" | "next_key" | "endpoint" | "identity" | "spi";
  /** All of what has the text. */
  text: string;
}

/** What was found. */
export interface FoundList {
  /** The time of what is shown. */
  as_of: string;
  /** vpnd does not answer: it is no news. */
  stale: boolean;
  /** In natural order. */
  items: Found[];
  /** There is more than limit. */
  has_more: boolean;
}

/** The rates of a customer, a peer or a connection. */
export interface Used {
  /** The customer's id. */
  customer: string;
  /** The peer's name; null: the customer, or a connection. */
  peer: string | null;
  /** The connection's name; null: none. */
  connection: string | null;
  rates: Rates;
}

/** Who uses what right now, highest first. */
export interface Top {
  /** The time of the figures. */
  as_of: string;
  /** vpnd does not answer: they are no news. */
  stale: boolean;
  /** Customers. */
  customers: Used[];
  /** Their peers and connections. */
  peers: Used[];
}

/** A quota of which 80 % or more is used. */
export interface NearlySpent {
  /** The customer's id. */
  customer: string;
  /** The peer's name; null: the customer, or a connection. */
  peer: string | null;
  /** The connection's name; null: none. */
  connection: string | null;
  /** Bytes of both directions that may pass in a calendar month of UTC; null: no quota. */
  quota_bytes: number | null;
  /** Bits per second of each direction once it is spent; drop: nothing passes. null: no quota. */
  after_quota: number | "drop" | null;
  /** Whether it is spent; null: no quota. */
  quota_spent: boolean | null;
  /** Bytes received in this month of UTC. */
  month_rx_bytes: number;
  /** Bytes sent in this month of UTC. */
  month_tx_bytes: number;
}

/** A peer that expires. */
export interface Expiring {
  /** The customer's id. */
  customer: string;
  /** The peer's name. */
  peer: string;
  /** From then on it has no tunnel. */
  expires: string;
}

/** What ends soon, the most urgent first. */
export interface Soon {
  /** The time of the figures. */
  as_of: string;
  /** vpnd does not answer: they are no news. */
  stale: boolean;
  /** Quotas of which 80 % or more is used. */
  quotas: NearlySpent[];
  /** Peers that expire within 14 days. */
  expiring: Expiring[];
  /** There is more than limit of either. */
  has_more: boolean;
}

/** Columns of equal length, oldest first. A point is the mean of its step; null: no data. */
export interface Timeseries {
  /** 2, 60, 300, 1800 or 3600. */
  step_seconds: number;
  /** The end of each step, in seconds since 1970. */
  times: number[];
  /** From the peers into the stack. */
  rx_bits_per_second: (number | null)[];
  /** From the stack to the peers. */
  tx_bits_per_second: (number | null)[];
}

/** A page of customers. */
export interface CustomerPage {
  /** The customers on this page. */
  items: Customer[];
  /** Matching customers on all pages. */
  total: number;
  /** The limit in use. */
  limit: number;
  /** The offset in use. */
  offset: number;
  /** The time of the last snapshot from vpnd. */
  as_of: string;
}

/** A page of peers. */
export interface PeerPage {
  /** The peers on this page. */
  items: Peer[];
  /** Matching peers on all pages. */
  total: number;
  /** The limit in use. */
  limit: number;
  /** The offset in use. */
  offset: number;
  /** The time of the last snapshot from vpnd. */
  as_of: string;
}

/** A page of events, newest first. */
export interface EventList {
  /** The events on this page. */
  items: Event[];
  /** Pass as before= to get older events; null: there are none. */
  next_before: number | null;
}

/** The certificate of this page. */
export interface Certificate {
  /** AA:BB:..., as browsers and vpnctl web fingerprint show it. */
  fingerprint_sha256: string;
  /** The subject (RFC 2253). */
  subject: string;
  /** Valid from. */
  not_before: string;
  /** Valid until. */
  not_after: string;
  /** Whether statusd signed it itself. */
  self_signed: boolean;
}

/** statusd. */
export interface WebProcess {
  /** Seconds since it started. */
  uptime_seconds: number;
  /** Resident memory. */
  memory_bytes: number;
  /** Processor time since it started. */
  cpu_seconds: number;
  /** Open event streams. */
  viewers: number;
  /** Open sessions of users. */
  sessions: number;
  /** Open connections. */
  connections: number;
}

/** A packet thread of vpnd. */
export interface Worker {
  /** Its number. */
  worker: number;
  /** Processor time since vpnd started. */
  cpu_seconds: number;
  /** Share of one core over the last 2 s; null: unknown. */
  cpu_share: number | null;
  /** Packets passed to the worker of their customer. */
  handed_over: number;
  /** Packets received from other workers. */
  taken_over: number;
  /** Packets dropped because the other worker had no room. */
  ring_full: number;
}

/** vpnd. */
export interface TunnelProcess {
  /** Whether it does. */
  reachable: boolean;
  /** Age of the last snapshot; null: none yet. */
  snapshot_age_seconds: number | null;
  /** The AEAD implementation; `+lanes`: small packets several at a time; empty: unknown. */
  encryption: string;
  /** Handshakes need a cookie first. */
  under_load: boolean;
  /** Handshakes started by either side. */
  handshakes_initiated: number;
  /** Handshakes that created a session. */
  handshakes_completed: number;
  /** Customers served. */
  customers: number;
  /** Peers served. */
  peers: number;
  /** IPsec connections, those that are not served included. */
  connections: number;
  /** Established IKE_SAs. */
  ike_sas: number;
  /** CHILD_SAs. */
  child_sas: number;
  /** IKE_SAs whose peer has not shown who it is yet. */
  half_open: number;
  /** Processor time of all threads since vpnd started. */
  cpu_seconds: number;
  /** Share of one core over the last 2 s, all threads; null: unknown. */
  cpu_share: number | null;
  /** Resident memory; null: unknown. */
  memory_bytes: number | null;
  /** The packet threads, by number. */
  workers: Worker[];
}

/** The state of users.toml. */
export interface UsersFile {
  /** Users in force. */
  users: number;
  /** Tokens in force. */
  tokens: number;
  /** Why the current file was rejected; the previous users stay in force. null: none. */
  error: string | null;
}

/** The appliance and its processes. */
export interface System {
  /** The appliance's name. */
  appliance: string;
  /** The version of Warren. */
  version: string;
  /** The generation of the configuration in force. */
  generation: number;
  /** The active image slot; null: not an image. */
  slot: string | null;
  /** ADDRESS:PORT of this page. */
  listen: string;
  certificate: Certificate | null;
  vpnd: TunnelProcess;
  statusd: WebProcess;
  /** Who was refused, also those that claim to be a peer, the latest first; at most 64. */
  refused: RefusedSender[];
  /** null for a viewer. */
  users_file: UsersFile | null;
  /** Whom alertd tells; null: not for this role. */
  alerts: Alerting | null;
}

/** The data of a delta message: what changed since the previous message. */
export interface Delta {
  /** The time of the last snapshot from vpnd. */
  as_of: string;
  overview: Overview;
  /** Changed rows: of watched customers any change, of others only state and counts. */
  customers: Customer[];
  /** Changed rows of the customer= peers; otherwise empty. */
  peers: Peer[];
  /** Changed rows of the customer= connections; otherwise empty. */
  connections: Connection[];
  /** New events, oldest first. */
  events: Event[];
  /** Load again: rows were added or removed, settings changed, or too many rows changed. */
  reload: boolean;
}

/** Whether the appliance serves what its configuration says. */
export interface Ready {
  /** Whether vpnd answers. */
  ready: boolean;
  /** Why not. */
  reasons: string[];
}

/**
 * The state of a customer, from the states of its peers and connections.
 * up: What ever was up is: every peer that had a handshake is online, every connection is up.
 * degraded: Some of the peers and connections that were up are.
 * down: No peer is online and no connection is up; at least one was, or failed to come up.
 * never: No peer has had a handshake yet, and no connection has been up.
 * suspended: Suspended in the configuration (state = "suspended").
 * unserved: Its configuration is not in force, for example because its file has errors.
 */
export type CustomerState = "up" | "degraded" | "down" | "never" | "suspended" | "unserved";

/**
 * The state of a peer, from its last handshake.
 * online: There is a session: its handshake was within 180 s.
 * idle: There was a session, and there is none now.
 * never: No handshake yet.
 * expired: Its time has passed: it has no tunnel any more.
 */
export type PeerState = "online" | "idle" | "never" | "expired";

/**
 * What changed.
 * online: A handshake: the peer is online.
 * idle: The peer's session is over: it was silent for 180 s, or a key changed.
 * roamed: The peer, or that of a connection, has a new endpoint.
 * added: A customer, a peer or a connection was added to the configuration.
 * removed: A customer, a peer or a connection was removed from the configuration.
 * changed: The configuration of a customer, a peer or a connection changed.
 * drops: Packets were dropped for a reason that had not occurred for a minute.
 * rate_limited: As drops, but because of a limit on handshakes or traffic.
 * suspended: The customer was suspended.
 * resumed: The customer was resumed.
 * vpnd_started: vpnd answers.
 * vpnd_lost: vpnd no longer answers.
 * renamed: A peer has another name, or a customer another id.
 * up: The connection is up; without one, the customer has a tunnel again.
 * down: The connection was ended, by either side; without one, the customer lost its last tunnel.
 * peer_dead: The peer of the connection does not answer any more.
 * expired: The connection's lifetime ended and it was not rekeyed.
 * rekeyed: The IKE_SA of the connection was rekeyed.
 * auth_failed: An attempt to connect failed: the peer did not show that it is who it says.
 * connect_failed: An attempt to connect failed for another reason.
 */
export type EventKind =
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
  | "vpnd_lost"
  | "renamed"
  | "up"
  | "down"
  | "peer_dead"
  | "expired"
  | "rekeyed"
  | "auth_failed"
  | "connect_failed";

/**
 * The state of an IPsec connection, as vpnd has it.
 * up: A child carries packets.
 * connecting: An exchange is under way.
 * down: It was up, or was tried, and is not.
 * listening: The peer may connect.
 * unserved: vpnd does not serve it; `reason` says why.
 */
export type ConnectionState = "up" | "connecting" | "down" | "listening" | "unserved";

/** IPsec connections by state. */
export interface ConnectionCounts {
  /** All. */
  total: number;
  /** In state up. */
  up: number;
  /** In state connecting. */
  connecting: number;
  /** In state down. */
  down: number;
  /** In state listening. */
  listening: number;
  /** In state unserved. */
  unserved: number;
}

/** An IPsec connection of a customer. */
export interface Connection {
  /** The customer's id. */
  customer: string;
  /** The connection's name, unique among the connections and peers of the customer. */
  name: string;
  /** What the connection speaks. */
  kind: "ipsec";
  state: ConnectionState;
  /** Why the connection is in this state. */
  state_sentence: string;
  /** What vpnd says of the state; null: nothing. */
  reason: string | null;
  /** It was up and is not, or its last attempt failed. */
  lost: boolean;
  /** When the state began; null: before statusd started. */
  state_since: string | null;
  /** When an SA was made last; null: never. */
  last_handshake: string | null;
  /** Whom it expects, as the configuration has it. */
  remote_identity: string;
  /** How the peer shows who it is. */
  auth: "psk" | "certificate" | "eap-mschapv2" | "eap-tls";
  /** ADDRESS:PORT of the peer, of several the latest; null: unknown. */
  endpoint: string | null;
  /** Who is behind a NAT; null: there is no IKE_SA. */
  nat: "none" | "peer" | "us" | "both" | null;
  /** The algorithms of the latest IKE_SA; null: there is none. */
  suite: string | null;
  /** When we rekey the latest IKE_SA; null: never, or there is none. */
  next_rekey: string | null;
  /** When we try again; null: we do not. */
  next_attempt: string | null;
  /** IKE_SAs that are up. */
  sessions: number;
  /** How many may be. */
  max_sessions: number;
  /** What is behind the peer: the remote networks of its children, or the pool. */
  networks: string[];
  rates: Rates;
  /** Bytes of ESP received. */
  rx_bytes: number;
  /** Bytes of ESP sent. */
  tx_bytes: number;
}

/** A CHILD_SA. */
export interface ChildSa {
  /** Its name in the configuration. */
  name: string;
  /** Traffic selectors of this side. */
  local: string[];
  /** Traffic selectors of the peer's side. */
  remote: string[];
  /** The SPI of packets from the peer, in hex. */
  spi_in: string;
  /** The SPI of packets to the peer, in hex. */
  spi_out: string;
  /** Its algorithms. */
  suite: string;
  /** Bytes received, over all its rekeys. */
  rx_bytes: number;
  /** Bytes sent, over all its rekeys. */
  tx_bytes: number;
  /** The bytes are those of all children of the connection whose networks overlap, together. */
  shares_counters: boolean;
  /** When it was made. */
  since: string | null;
  /** When we rekey it; null: never. */
  next_rekey: string | null;
  /** When it ends without a rekey; null: never. */
  expires: string | null;
  /** A rekey has replaced it; it is received on until it is deleted. */
  replaced: boolean;
}

/** An IKE_SA. */
export interface IkeSa {
  /** In hex. */
  initiator_spi: string;
  /** In hex; 0: it has not answered. */
  responder_spi: string;
  /** Whether we began. */
  initiator: boolean;
  /** Whether both sides have shown who they are. */
  established: boolean;
  /** Who we are; null: not known yet. */
  local_identity: string | null;
  /** Who the peer is; null: not known yet. */
  remote_identity: string | null;
  /** ADDRESS:PORT of the peer. */
  endpoint: string;
  /** ADDRESS:PORT of this side. */
  local_endpoint: string;
  /** Who is behind a NAT. */
  nat: "none" | "peer" | "us" | "both";
  /** Its algorithms; null: not chosen yet. */
  suite: string | null;
  /** When it was made. */
  since: string | null;
  /** When the peer was heard; null: not yet. */
  last_heard: string | null;
  /** When we rekey it; null: never. */
  next_rekey: string | null;
  /** When it ends without a rekey; null: never. */
  expires: string | null;
  /** Its CHILD_SAs. */
  children: ChildSa[];
}

/** An IPsec connection with its SAs. */
export interface ConnectionDetail {
  /** The customer's id. */
  customer: string;
  /** The connection's name, unique among the connections and peers of the customer. */
  name: string;
  /** What the connection speaks. */
  kind: "ipsec";
  state: ConnectionState;
  /** Why the connection is in this state. */
  state_sentence: string;
  /** What vpnd says of the state; null: nothing. */
  reason: string | null;
  /** It was up and is not, or its last attempt failed. */
  lost: boolean;
  /** When the state began; null: before statusd started. */
  state_since: string | null;
  /** When an SA was made last; null: never. */
  last_handshake: string | null;
  /** Whom it expects, as the configuration has it. */
  remote_identity: string;
  /** How the peer shows who it is. */
  auth: "psk" | "certificate" | "eap-mschapv2" | "eap-tls";
  /** ADDRESS:PORT of the peer, of several the latest; null: unknown. */
  endpoint: string | null;
  /** Who is behind a NAT; null: there is no IKE_SA. */
  nat: "none" | "peer" | "us" | "both" | null;
  /** The algorithms of the latest IKE_SA; null: there is none. */
  suite: string | null;
  /** When we rekey the latest IKE_SA; null: never, or there is none. */
  next_rekey: string | null;
  /** When we try again; null: we do not. */
  next_attempt: string | null;
  /** IKE_SAs that are up. */
  sessions: number;
  /** How many may be. */
  max_sessions: number;
  /** What is behind the peer: the remote networks of its children, or the pool. */
  networks: string[];
  rates: Rates;
  /** Bytes of ESP received. */
  rx_bytes: number;
  /** Bytes of ESP sent. */
  tx_bytes: number;
  /** Who we are to this peer; null: the customer's identity. */
  local_identity: string | null;
  /** Where the peer is configured to be; null: anywhere. */
  remote_address: string | null;
  /** When we begin. */
  start: "responder" | "on-traffic" | "always";
  /** Rekeys of its IKE_SAs. */
  rekeys: number;
  /** Attempts to bring it up that failed. */
  failures: number;
  /** Its IKE_SAs: the first 100. */
  ike_sas: IkeSa[];
  /** How many more it has. */
  ike_sas_left_out: number;
  /** Bits per second from each of its sessions into the stack; null: no limit. */
  rate_up: number | null;
  /** Bits per second from the stack to each of its sessions; null: no limit. */
  rate_down: number | null;
  /** Bytes of both directions that may pass in a calendar month of UTC; null: no quota. */
  quota_bytes: number | null;
  /** Bits per second of each direction once it is spent; drop: nothing passes. null: no quota. */
  after_quota: number | "drop" | null;
  /** Whether it is spent; null: no quota. */
  quota_spent: boolean | null;
  /** Bytes received in this month of UTC. */
  month_rx_bytes: number;
  /** Bytes sent in this month of UTC. */
  month_tx_bytes: number;
}

/** A page of connections. */
export interface ConnectionPage {
  /** The connections on this page. */
  items: Connection[];
  /** Matching connections on all pages. */
  total: number;
  /** The limit in use. */
  limit: number;
  /** The offset in use. */
  offset: number;
  /** The time of the last snapshot from vpnd. */
  as_of: string;
}

/** A configuration that is undone unless somebody confirms it. */
export interface Pending {
  /** The revision that comes back. */
  revision: number;
  /** When it does. */
  comes_back_at: string;
  /** It comes back now: nobody can confirm any more. */
  is_returning: boolean;
}

/** Shows again who asks. */
export interface Unlock {
  /** The user's password, at most 1024 bytes. */
  password: string;
}

/** A device with the next free addresses of the customer's pool. */
export interface NewDevice {
  /** The peer's name, which no other peer of the customer has. */
  name: string;
  /** For people; may be empty. */
  description: string;
  /** In base64. The device keeps the private key. */
  public_key: string;
}

/** An empty object. */
export interface Nothing {}

/** What the user saw. */
export interface Settle {
  /** Of Pending. */
  revision: number;
}

/** What was done. */
export interface Done {
  /** In a sentence. */
  done: string;
  /** Of a new device, for wg-quick, with a placeholder for the private key; else null. */
  profile: string | null;
}

/** What a file says of a peer for people. */
export interface Description {
  /** The peer's name. */
  name: string;
  /** The description. */
  text: string;
}

/** A field that a revision changed. */
export interface RevisionChange {
  /** The customer's id; null: the appliance. */
  customer: string | null;
  /** The field, what it was and what it is. */
  text: string;
}

/** A file that a revision changed. */
export interface RevisionFile {
  /** Its name below the directory of the configuration. */
  name: string;
  /** What became of it. */
  fate: "added" | "changed" | "removed";
}

/** What a revision changed in a file. */
export interface RevisionDiff {
  /** Its name below the directory of the configuration. */
  name: string;
  /** What became of it. */
  fate: "added" | "changed" | "removed";
  /** At most 200, with keys masked; none of secrets, nor of warren.toml for viewers. */
  lines: string[];
  /** How many lines are not in that list. */
  more_lines: number;
}

/**
 * What brought it into force.
 * start: stackd found it when it started.
 * reload: A signal.
 * request: vpnctl.
 * returned: The revision before was not confirmed.
 * page: A user of this page.
 */
export type RevisionOrigin = "start" | "reload" | "request" | "returned" | "page";

/** A configuration that came into force. */
export interface Revision {
  /** Its number; null for the role customer. */
  revision: number | null;
  /** When it came into force. */
  at: string;
  origin: RevisionOrigin;
  /** The user of vpnctl, as the kernel says; null: another origin, or the role customer. */
  uid: number | null;
  /** Who ran sudo, as vpnctl says, or the user of this page; null: not known, or not for you. */
  claimed_user: string | null;
  /** What it was for, as its maker says; null: nothing, or the role customer. */
  comment: string | null;
  /** Customers that it changed; for the role customer its own alone. */
  customers: string[];
  /** The first fields that changed; for the role customer those of its own that it may know. */
  changes: RevisionChange[];
  /** The files that changed, at most 50; none for the role customer. */
  files: RevisionFile[];
  /** How many files are not in that list. */
  more_files: number;
}

/** A revision with what differs in its files. */
export interface RevisionDetail {
  /** Its number; null for the role customer. */
  revision: number | null;
  /** When it came into force. */
  at: string;
  origin: RevisionOrigin;
  /** The user of vpnctl, as the kernel says; null: another origin, or the role customer. */
  uid: number | null;
  /** Who ran sudo, as vpnctl says, or the user of this page; null: not known, or not for you. */
  claimed_user: string | null;
  /** What it was for, as its maker says; null: nothing, or the role customer. */
  comment: string | null;
  /** Customers that it changed; for the role customer its own alone. */
  customers: string[];
  /** The first fields that changed; for the role customer those of its own that it may know. */
  changes: RevisionChange[];
  /** The files that changed, at most 50. */
  files: RevisionDiff[];
  /** How many files are not in that list. */
  more_files: number;
}

/** A page of revisions, the newest first. */
export interface RevisionPage {
  /** The rows. */
  items: Revision[];
  /** Matching customers on all pages. */
  total: number;
  /** The limit in use. */
  limit: number;
  /** The offset in use. */
  offset: number;
  /** The time of the last snapshot from vpnd. */
  as_of: string;
  /** Why the latest are not there; null: they are, or nothing is kept. */
  problem: string | null;
}

/** A rule of a customer's firewall, with what it counted. */
export interface FirewallRule {
  /** The rule's name; ping, forward and default: what every such firewall has. */
  name: string;
  /** True: of the customer's file. */
  own: boolean;
  /** What it says; null: not of the customer's file. */
  summary: string | null;
  /** Packets that it decided about, in both directions. */
  packets: number;
  /** Their bytes. */
  bytes: number;
  /** The age of the last one; null: there was none. */
  last_hit_seconds: number | null;
}

/** A customer's own firewall. */
export interface Firewall {
  /** False: the stack has not got these rules, and nothing is counted; they are not listed. */
  installed: boolean;
  /** In the order in which they are asked, at most 200. */
  rules: FirewallRule[];
  /** How many rules are not in that list. */
  rules_more: number;
  /** Connections that it tracks now; null: none. */
  connections: number | null;
  /** How many it may track; null: it tracks none. */
  max_connections: number | null;
  /** Packets of new connections that were one too many. */
  refused_packets: number;
}

/** A program that serves a customer in its stack. */
export interface Service {
  /** dns, bgp. */
  service: string;
  /** unbound, bird. */
  program: string;
  /** Refused: it does not accept its configuration. Missing: it is not installed. */
  state: "running" | "starting" | "stopped" | "refused" | "missing";
  /** When the state began; null: not known. */
  since: string | null;
  /** How often it was started again since stackd has known it. */
  restarts: number;
  /** Why it does not run as it should; null: it does, or the role customer. */
  problem: string | null;
}

/** A machine on the customer's LAN that the stack has looked for. */
export interface Neighbour {
  /** Its address. */
  address: string;
  /** Its hardware address; null: nobody answered. */
  mac: string | null;
  /** Whether it answered lately; null: nobody has asked it lately. */
  answers: boolean | null;
}

/** The LAN as the stack has it now. */
export interface LanState {
  /**
   * The state of lan0.
   * up: Something is at the other end.
   * no_carrier: Nothing is at the other end.
   * down: It is not switched on.
   * missing: There is no such device.
   */
  state: "up" | "no_carrier" | "down" | "missing";
  /** In bytes; null: there is no device. */
  mtu: number | null;
  /** Whom the stack has looked for lately, at most 64. */
  neighbours: Neighbour[];
  /** How many are not in that list. */
  neighbours_more: number;
}

/** Until when a certificate is valid. */
export interface CertificateEnd {
  /** Where the customer's file names it: ipsec.certificate. */
  field: string;
  /** Its file below certs/; null: the role customer. */
  file: string | null;
  /** The earliest end of those in the file. */
  not_after: string;
}

/** What there is in a customer's stack now. */
export interface StackNow {
  /** When it was read. */
  at: string;
  /** Its own firewall; null: it has no rules. */
  firewall: Firewall | null;
  /** Programs that serve it in its stack. */
  services: Service[];
  /** Of its IPsec: its own, then the CAs of its peers; at most 16. */
  certificates: CertificateEnd[];
  /** Its LAN; null: it has none. */
  lan: LanState | null;
}

/** Somebody that alertd tells. */
export interface AlertTarget {
  /** Which. */
  name: "webhook" | "syslog" | "mail";
  /** Its address, without a secret. */
  where: string;
  /** False: the last delivery failed. */
  works: boolean;
  /** What it said last, or why there is no answer; null: nothing was delivered yet. */
  answer: string | null;
  /** Alerts that wait for it. */
  waiting: number;
  /** Alerts that it got since alertd began. */
  delivered: number;
  /** Alerts that it will not get: too many, too old, or refused. */
  dropped: number;
  /** When it got the last alert since alertd began; null: none. */
  last_at: string | null;
  /** What that said; null: none. */
  last_text: string | null;
}

/** Whom alertd tells, and how that goes. */
export interface Alerting {
  /** warren.toml has [alerts]. */
  configured: boolean;
  /** alertd runs. */
  running: boolean;
  /** What is the matter now, as alertd counts it. */
  open: number;
  /** At most 8. */
  targets: AlertTarget[];
}
