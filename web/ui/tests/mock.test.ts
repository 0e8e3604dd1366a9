// The stand-in server answers in the shapes of the contract, so that the browser tests see what statusd sends.
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

// @ts-expect-error: a script without types
import * as views from "../mock/views.mjs";
// @ts-expect-error: a script without types
import { World } from "../mock/world.mjs";

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

const schemas: Record<string, Schema> = JSON.parse(
  readFileSync(new URL("../../api/openapi.json", import.meta.url), "utf8"),
).components.schemas;

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/** What differs from the schema, one line each. */
function faults(value: unknown, schema: Schema, at: string): string[] {
  if (schema.$ref) return faults(value, schemas[schema.$ref.split("/").at(-1)!]!, at);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    const all = choices.map((choice) => faults(value, choice, at));
    return all.find((found) => found.length === 0) ?? all[0]!;
  }
  if (schema.const !== undefined && value !== schema.const) return [`${at}: ${value}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: ${value}`];
  const kind = kindOf(value);
  const allowed = [schema.type ?? kind].flat();
  if (!allowed.includes(kind) && !(kind === "integer" && allowed.includes("number"))) return [`${at}: ${kind}`];
  if (kind === "array") {
    return (value as unknown[]).flatMap((item, index) => faults(item, schema.items ?? {}, `${at}[${index}]`));
  }
  if (kind !== "object" || !schema.properties) return [];
  const object = value as Record<string, unknown>;
  const missing = (schema.required ?? []).filter((name) => !(name in object)).map((name) => `${at}.${name} is missing`);
  return Object.entries(object).reduce((found, [name, its]) => {
    const known = schema.properties?.[name];
    return [...found, ...(known ? faults(its, known, `${at}.${name}`) : [`${at}.${name} is not in the contract`])];
  }, missing);
}

const now = Date.now();
const world = new World(20, now);
const [acme, globex, sites] = world.customers;
const rows = world.customers.map(views.customerView);

describe("the stand-in server", () => {
  it.each([
    ["Overview", () => views.overviewView(world, rows, now, "operator")],
    ["System", () => views.systemView(world, "operator", now)],
    ["Customer", () => rows[0]],
    ["CustomerDetail", () => views.detailView(acme)],
    ["CustomerDetail", () => views.detailView(globex)],
    ["Peer", () => views.peerView(acme, acme.peers[0], now)],
    ["Peer", () => views.peerView(globex, globex.peers[1], now)],
    ["Connection", () => views.connectionView(acme, acme.connections[0])],
    ["ConnectionDetail", () => views.connectionDetailView(acme, acme.connections[0])],
    ["ConnectionDetail", () => views.connectionDetailView(sites, sites.connections[0])],
    ["Soon", () => views.soonView(world, rows, now, 10)],
    ["Event", () => world.events.at(-1)],
    ["StackNow", () => views.stackView(acme, now)],
    ["StackNow", () => views.stackView(globex, now)],
    ...["operator", "customer"].flatMap((role) =>
      views.revisionsOf(now, role, null).map((one: unknown) => ["RevisionDetail", () => one] as const),
    ),
  ])("answers with a whole %s and nothing else", (name, answer) => {
    expect(faults(answer(), schemas[name]!, name)).toEqual([]);
  });

  it("has the words of a connection for a connection", () => {
    const event = world.turnConnection(now, acme, acme.connections[0], "up");
    expect(event.sentence).toBe("The connection is up.");
  });
});
