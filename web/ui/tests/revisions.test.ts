// What the page says of who brought a revision into force.
import { expect, test } from "vitest";

import type { Revision } from "../src/api/types";
import { makerOf } from "../src/format/revisions";
import { parse } from "../src/router";

const by = (origin: Revision["origin"], uid: number | null = null, claimed: string | null = null) =>
  makerOf({ origin, uid, claimed_user: claimed });

test("the maker of a revision is said as far as it is known", () => {
  expect(by("request", 0)).toBe("by root");
  expect(by("request", 0, "ada")).toBe("by root (sudo: ada)");
  expect(by("request", 1001, "ada")).toBe("by uid 1001 (sudo: ada)");
  expect(by("page", null, "own")).toBe("by own, on this page");
  expect(by("reload")).toBe("by a reload");
  expect(by("start")).toBe("found when stackd started");
  expect(by("returned")).toBe("came back, as it was not confirmed");
});

test("who may not know it is told no name", () => {
  expect(by("request")).toBe("by the operator");
  expect(by("page")).toBe("on this page");
});

test("the changes have a place of their own, also those of a customer", () => {
  expect(parse("#/changes").place).toEqual({ page: "changes" });
  expect(parse("#/changes?customer=acme").query.get("customer")).toBe("acme");
  expect(parse("#/changes/4").place).toEqual({ page: "unknown" });
});
