import { readFileSync } from "node:fs";

import { afterEach, describe, expect, it, vi } from "vitest";

// @ts-expect-error: a script without types
import { typesText } from "../scripts/types.mjs";
import { api, Failure, onUnauthorized, pathOf } from "../src/api/client";
import { customerLooks, eventLooks } from "../src/format/words";
import { customerHref, parse, peerHref } from "../src/router";

const contract = JSON.parse(readFileSync(new URL("../../api/openapi.json", import.meta.url), "utf8"));

describe("the contract with statusd", () => {
  it("is what the types say (else: node scripts/types.mjs)", async () => {
    expect(readFileSync(new URL("../src/api/types.ts", import.meta.url), "utf8")).toBe(await typesText());
  }, 30_000);

  it("has every path that the page requests", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", (path: string) => {
      asked.push(path);
      return Promise.resolve(new Response("{}"));
    });
    await Promise.all([
      api.about(),
      api.session(),
      api.overview(),
      api.system(),
      api.customers({}),
      api.customer("a"),
      api.peers("a", {}),
      api.peer("a", "b"),
      api.events({}),
      api.timeseries({}, 2),
      api.timeseries({ customer: "a" }, 2),
      api.timeseries({ customer: "a", peer: "b" }, 60),
      api.timeseries({ customer: "a" }, "month"),
      api.outages("a", {}),
      api.find("x"),
      api.soon(),
      api.login("u", "p"),
      api.logout(),
      api.unlock("p"),
      api.addDevice("a", { name: "b", description: "", public_key: "k" }),
      api.suspend("a"),
      api.resume("a"),
      api.enable("a", "b"),
      api.disable("a", "b"),
      api.confirm(1),
      api.goBack(1),
    ]);
    const templates = Object.keys(contract.paths).map((path) => new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`));
    for (const path of asked)
      expect(
        templates.some((template) => template.test(path.split("?")[0] ?? "")),
        path,
      ).toBe(true);
    expect(new Set(asked).size).toBe(26);
  });

  it("has a word for every state and kind", () => {
    const valuesOf = (schema: string) =>
      contract.components.schemas[schema].oneOf.map((value: { const: string }) => value.const).sort();
    expect(Object.keys(customerLooks).sort()).toEqual(valuesOf("CustomerState"));
    expect(Object.keys(eventLooks).sort()).toEqual(valuesOf("EventKind"));
  });
});

describe("requests", () => {
  afterEach(() => vi.unstubAllGlobals());
  const answering = (response: Response) => vi.stubGlobal("fetch", () => Promise.resolve(response));

  it("omit empty parameters and encode the rest", () => {
    expect(pathOf("/customers", { search: "a&b", state: "", offset: 0, limit: undefined })).toBe(
      "/api/v1/customers?search=a%26b&offset=0",
    );
  });

  it("turn a problem into a failure with its detail and Retry-After", async () => {
    answering(
      new Response('{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Wait."}', {
        status: 429,
        headers: { "Retry-After": "30" },
      }),
    );
    await expect(api.login("u", "p")).rejects.toMatchObject({ status: 429, message: "Wait.", retryAfter: 30 });
  });

  it("turn an invalid answer, and no answer, into a failure", async () => {
    answering(new Response("<html>", { status: 502 }));
    await expect(api.overview()).rejects.toMatchObject({ status: 502 });
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
    await expect(api.overview()).rejects.toBeInstanceOf(Failure);
    await expect(api.overview()).rejects.toMatchObject({ status: 0 });
  });

  it("end the session on a 401, but not for a failed login", async () => {
    const over = vi.fn();
    onUnauthorized(over);
    answering(new Response("{}", { status: 401 }));
    await expect(api.login("u", "p")).rejects.toBeInstanceOf(Failure);
    expect(over).not.toHaveBeenCalled();
    answering(new Response("{}", { status: 401 }));
    await expect(api.overview()).rejects.toBeInstanceOf(Failure);
    expect(over).toHaveBeenCalledOnce();
  });
});

describe("addresses within the page", () => {
  it("parse to the place that they were made from", () => {
    expect(parse(customerHref("a/b c")).place).toEqual({ page: "customer", customer: "a/b c" });
    expect(parse(peerHref("acme", "ünï ?#")).place).toEqual({ page: "peer", customer: "acme", peer: "ünï ?#" });
  });

  it("may be anything that a user types", () => {
    expect(parse("").place.page).toBe("overview");
    expect(parse("#/customers?q=x").query.get("q")).toBe("x");
    for (const hash of ["#/customers/a/b", "#/nowhere", "#/events/x", "#/customers/a/peers/b/c"])
      expect(parse(hash).place.page).toBe("unknown");
    expect(parse("#/customers/%E0%A4%A").place).toEqual({ page: "customer", customer: "%E0%A4%A" });
  });
});
