import { describe, expect, it } from "vitest";

import { longestMessage, StreamParser } from "../src/api/sse";
import { backoff } from "../src/state/backoff";

describe("the event stream's text", () => {
  const text =
    ': hello\n\nevent: delta\r\nid: 7\r\ndata: {"a":\r\ndata: 1}\r\n\r\nid: 8\ndata: x\n\nevent: reset\ndata: {}\n\n';
  const messages = [
    { id: "7", type: "delta", data: '{"a":\n1}' },
    { id: "8", type: "message", data: "x" },
    { id: "8", type: "reset", data: "{}" },
  ];

  it("is cut into messages", () => {
    const parser = new StreamParser();
    expect(parser.push(text)).toEqual(messages);
    expect(parser.lastId).toBe("8");
  });

  it("may arrive in pieces of any size", () => {
    for (let size = 1; size < 12; size += 1) {
      const parser = new StreamParser();
      const got = [];
      for (let at = 0; at < text.length; at += size) got.push(...parser.push(text.slice(at, at + size)));
      expect(got).toEqual(messages);
    }
  });

  it("keeps the id of earlier messages, and from before a break", () => {
    const parser = new StreamParser("41");
    expect(parser.push("data: a\n\n")).toEqual([{ id: "41", type: "message", data: "a" }]);
  });

  it("drops half a message when the stream ends, and messages without data", () => {
    expect(new StreamParser().push("event: delta\n\ndata: half")).toEqual([]);
  });

  it("refuses a line that is too long", () => {
    expect(() => new StreamParser().push("x".repeat(longestMessage + 1))).toThrow();
  });
});

describe("the delay before the next attempt", () => {
  it("grows to half a minute, and differs between browsers", () => {
    expect([1, 2, 3, 4, 5, 6, 60].map((tries) => backoff(tries, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    expect(backoff(1, 0)).toBeLessThan(backoff(1, 1));
  });

  it("is never shorter than Retry-After", () => {
    expect(backoff(1, 0, 20)).toBe(20_000);
  });
});
