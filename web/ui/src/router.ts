// The current place. Addresses are in the hash, so that the server needs one page and no routes for it:
// #/customers?q=acme, #/customers/acme, #/customers/acme/peers/linz, #/customers/acme/connections/graz.
import { signal } from "@preact/signals";

export type Place =
  | { page: "overview" }
  | { page: "customers" }
  | { page: "customer"; customer: string }
  | { page: "peer"; customer: string; peer: string }
  | { page: "connection"; customer: string; connection: string }
  | { page: "events" }
  | { page: "changes" }
  | { page: "system" }
  | { page: "unknown" };

export interface Location {
  place: Place;
  query: URLSearchParams;
}

export function parse(hash: string): Location {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  return { place: placeOf(path.split("/").filter(Boolean).map(decoded)), query: new URLSearchParams(search) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray % typed by hand
  }
}

function placeOf(parts: string[]): Place {
  const [head, customer, sub, name] = parts;
  if (head === undefined) return { page: "overview" };
  if (head === "customers") {
    if (customer === undefined) return { page: "customers" };
    if (sub === undefined) return { page: "customer", customer };
    if (name === undefined || parts.length !== 4) return { page: "unknown" };
    if (sub === "peers") return { page: "peer", customer, peer: name };
    if (sub === "connections") return { page: "connection", customer, connection: name };
    return { page: "unknown" };
  }
  if ((head === "events" || head === "changes" || head === "system") && parts.length === 1) return { page: head };
  return { page: "unknown" };
}

export function customerHref(customer: string): string {
  return `#/customers/${encodeURIComponent(customer)}`;
}

export function peerHref(customer: string, peer: string): string {
  return `${customerHref(customer)}/peers/${encodeURIComponent(peer)}`;
}

export function connectionHref(customer: string, connection: string): string {
  return `${customerHref(customer)}/connections/${encodeURIComponent(connection)}`;
}

const hashNow = () => (typeof location === "undefined" ? "" : location.hash);
export const here = signal<Location>(parse(hashNow()));

/** Follows the address bar from now on. */
export function startRouter(): void {
  addEventListener("hashchange", () => {
    here.value = parse(location.hash);
  });
}

/** Replaces the query of this place without an entry in the browser's history. Empty values are omitted. */
export function setQuery(values: Record<string, string>): void {
  const query = new URLSearchParams(here.value.query);
  for (const [name, value] of Object.entries(values)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const path = location.hash.split("?", 1)[0] || "#/";
  const text = query.toString();
  history.replaceState(null, "", text === "" ? path : `${path}?${text}`);
  here.value = parse(location.hash);
}
