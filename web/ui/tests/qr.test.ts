import { expect, test } from "vitest";

import { codeOf } from "../src/format/qr";

test("a text that fits is a code", () => {
  expect(codeOf("x")?.getModuleCount()).toBe(21);
  expect(codeOf("x".repeat(2953))?.getModuleCount()).toBe(177);
});

test("one that does not fit is none, and does not throw", () => {
  expect(codeOf("x".repeat(2954))).toBeUndefined();
  expect(codeOf("x".repeat(100_000))).toBeUndefined();
});

test("a character takes the bytes of UTF-8", () => {
  expect(codeOf("ä".repeat(1476))?.getModuleCount()).toBe(177);
  expect(codeOf("ä".repeat(1477))).toBeUndefined();
});
