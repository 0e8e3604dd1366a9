// Words, shapes and colours for the states and kinds of the API.
import type { Alarm, Connection, Customer, Event, IkeSa, LanState, Peer, Service } from "../api/types";

export type ShapeName =
  "full" | "half" | "ring" | "dots" | "triangle" | "cross" | "pause" | "arrow" | "plus" | "minus" | "drop";
export type Tone = "good" | "wait" | "bad" | "quiet" | "plain";

export interface Look {
  word: string;
  shape: ShapeName;
  tone: Tone;
}

export const customerLooks: Record<Customer["state"], Look> = {
  up: { word: "Up", shape: "full", tone: "good" },
  degraded: { word: "Degraded", shape: "triangle", tone: "wait" },
  down: { word: "Down", shape: "cross", tone: "bad" },
  never: { word: "Never up", shape: "dots", tone: "quiet" },
  suspended: { word: "Suspended", shape: "pause", tone: "quiet" },
  unserved: { word: "Not served", shape: "cross", tone: "bad" },
};

const peerLooks: Record<Peer["state"], Look> = {
  online: { word: "Online", shape: "full", tone: "good" },
  idle: { word: "Idle", shape: "half", tone: "wait" },
  never: { word: "Never", shape: "dots", tone: "quiet" },
  expired: { word: "Expired", shape: "pause", tone: "quiet" },
};

const connectionLooks: Record<Connection["state"], Look> = {
  up: { word: "Up", shape: "full", tone: "good" },
  connecting: { word: "Connecting", shape: "half", tone: "wait" },
  down: { word: "Down", shape: "cross", tone: "bad" },
  listening: { word: "Listening", shape: "ring", tone: "quiet" },
  unserved: { word: "Not served", shape: "triangle", tone: "bad" },
};

/** A connection that nothing has needed yet is down, and nothing is wrong with it. */
export function connectionLook(connection: Pick<Connection, "state" | "lost">): Look {
  const look = connectionLooks[connection.state];
  return connection.state === "down" && !connection.lost ? { ...look, tone: "quiet" } : look;
}

export function saLook(sa: Pick<IkeSa, "established">): Look {
  return sa.established ? { word: "Established", shape: "full", tone: "good" } : connectionLooks.connecting;
}

export const natText: Record<IkeSa["nat"], string> = {
  none: "no NAT",
  peer: "the peer is behind a NAT",
  us: "we are behind a NAT",
  both: "both sides are behind a NAT",
};

const stale: Look = { word: "Stale", shape: "ring", tone: "quiet" };

export function peerLook(peer: Pick<Peer, "state" | "stale">): Look {
  return peer.stale ? stale : peerLooks[peer.state];
}

export function stateLook(state: Peer["state"] | undefined): Look {
  return state === undefined ? { word: "Unknown", shape: "dots", tone: "plain" } : peerLooks[state];
}

export const eventLooks: Record<Event["kind"], Look> = {
  online: { word: "Online", shape: "full", tone: "good" },
  idle: { word: "Idle", shape: "half", tone: "wait" },
  roamed: { word: "Roamed", shape: "arrow", tone: "plain" },
  added: { word: "Added", shape: "plus", tone: "plain" },
  removed: { word: "Removed", shape: "minus", tone: "plain" },
  changed: { word: "Changed", shape: "arrow", tone: "plain" },
  drops: { word: "Drops", shape: "drop", tone: "wait" },
  rate_limited: { word: "Rate-limited", shape: "drop", tone: "wait" },
  suspended: { word: "Suspended", shape: "pause", tone: "quiet" },
  resumed: { word: "Resumed", shape: "full", tone: "good" },
  vpnd_started: { word: "Tunnels started", shape: "full", tone: "good" },
  vpnd_lost: { word: "Tunnels lost", shape: "cross", tone: "bad" },
  renamed: { word: "Renamed", shape: "arrow", tone: "plain" },
  up: { word: "Up", shape: "full", tone: "good" },
  down: { word: "Down", shape: "cross", tone: "bad" },
  peer_dead: { word: "Peer dead", shape: "cross", tone: "bad" },
  expired: { word: "Expired", shape: "cross", tone: "bad" },
  rekeyed: { word: "Rekeyed", shape: "arrow", tone: "plain" },
  auth_failed: { word: "Auth failed", shape: "triangle", tone: "bad" },
  connect_failed: { word: "Not connected", shape: "triangle", tone: "wait" },
};

export const stackComplete: Look = { word: "Complete", shape: "full", tone: "good" };
export const stackIncomplete: Look = { word: "Incomplete", shape: "triangle", tone: "bad" };

export const certificateLooks: Record<"valid" | "soon" | "ended", Look> = {
  valid: { word: "Valid", shape: "full", tone: "good" },
  soon: { word: "Ends soon", shape: "triangle", tone: "wait" },
  ended: { word: "Ended", shape: "cross", tone: "bad" },
};

export const lanLooks: Record<LanState["state"], Look> = {
  up: { word: "Up", shape: "full", tone: "good" },
  no_carrier: { word: "Not connected", shape: "cross", tone: "bad" },
  down: { word: "Down", shape: "pause", tone: "quiet" },
  missing: { word: "Missing", shape: "triangle", tone: "bad" },
};

export const notInstalled: Look = { word: "Not installed", shape: "triangle", tone: "bad" };

export const serviceLooks: Record<Service["state"], Look> = {
  running: { word: "Running", shape: "full", tone: "good" },
  starting: { word: "Starting", shape: "half", tone: "wait" },
  stopped: { word: "Stopped", shape: "cross", tone: "bad" },
  refused: { word: "Refused", shape: "triangle", tone: "bad" },
  missing: notInstalled,
};

export const testLink: Look = { word: "Test link", shape: "triangle", tone: "wait" };
export const parked: Look = { word: "Parked", shape: "pause", tone: "quiet" };
export const sharedKey: Look = { word: "Shared key", shape: "triangle", tone: "wait" };
export const quotaSpent: Look = { word: "Quota spent", shape: "pause", tone: "bad" };

export const alarmLooks: Record<Alarm["severity"], Look> = {
  critical: { word: "Critical", shape: "cross", tone: "bad" },
  warning: { word: "Warning", shape: "triangle", tone: "wait" },
};

export const peerRule =
  "Online: the last handshake was within 180 seconds. Idle: it is older, up to 24 hours. Stale: it is older than " +
  "24 hours. Never: no handshake yet. Expired: its time has passed, it has no tunnel. WireGuard has no connections " +
  "that are up or down; a client that sends traffic makes a new handshake every two minutes.";

export const connectionRule =
  "Up: a child carries packets. Connecting: an exchange is under way. Down: it was up, or was tried, and is not. " +
  "Listening: the peer may connect. Not served: this version does not serve it; the reason is beside it.";

export const customerRule =
  "Up: every peer that ever had a handshake is online, and every connection that was up is up. Degraded: some of " +
  "them are. Down: none of them is. Never up: none has been up. Suspended: switched off in the customer's file. " +
  "Not served: its configuration is not in force, for example because its file has errors. " +
  "A peer is online when its last handshake was within 180 seconds.";
