import { describe, expect, it, vi } from "vitest";

import { Failure } from "../src/api/client";
import { PagedList, pageRows, type Page } from "../src/window/paged";
import { sliceOf } from "../src/window/slice";
import { throttled } from "../src/window/throttle";

describe("the slice of a long list", () => {
  it("covers the screen, wherever it is, and adds up to the whole list", () => {
    for (const count of [0, 1, 7, 500, 10_000]) {
      for (let above = -900; above < count * 50 + 900; above += 333) {
        const { first, end, before, after } = sliceOf(count, 50, { above, height: 800 });
        expect(before + (end - first) * 50 + after).toBe(count * 50);
        for (let row = 0; row < count; row += 1) {
          const seen = row * 50 < above + 800 && (row + 1) * 50 > above;
          if (seen) expect(row >= first && row < end).toBe(true);
          if (count > 1000 && row % 97 !== 0) row += 40; // samples are enough there
        }
      }
    }
  });

  it("draws few rows of many", () => {
    const { first, end } = sliceOf(10_000, 50, { above: 250_000, height: 800 });
    expect(end - first).toBeLessThan(40);
    expect(first % 2).toBe(0);
  });
});

interface Row {
  id: string;
  value: number;
}

class Server {
  asked: number[] = [];
  aborted = 0;
  failing: Failure | undefined;
  constructor(
    public total: number,
    public mark = 0,
  ) {}

  load = (offset: number, limit: number, signal: AbortSignal): Promise<Page<Row>> => {
    this.asked.push(offset);
    signal.addEventListener("abort", () => (this.aborted += 1));
    if (this.failing) return Promise.reject(this.failing);
    const count = Math.max(0, Math.min(limit, this.total - offset));
    const items = Array.from({ length: count }, (_, index) => ({ id: `c${offset + index}`, value: this.mark }));
    return Promise.resolve({ items, total: this.total });
  };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("a list by pages", () => {
  it("loads only the pages in view, and once", async () => {
    const server = new Server(10_000);
    const list = new PagedList(server.load, (row) => row.id);
    list.need(0, 20);
    await settled();
    list.need(4990, 5010);
    list.need(4992, 5012);
    await settled();
    expect(server.asked).toEqual([0, 49 * pageRows, 50 * pageRows]);
    expect(list.total.value).toBe(10_000);
    expect(list.row(5000)?.id).toBe("c5000");
    expect(list.row(700)).toBeUndefined();
  });

  it("applies changes to loaded rows and ignores the others", async () => {
    const list = new PagedList(new Server(300).load, (row) => row.id);
    list.need(0, 10);
    await settled();
    const version = list.version.value;
    list.update([{ id: "c250", value: 9 }]);
    expect(list.version.value).toBe(version);
    list.update([{ id: "c3", value: 9 }]);
    expect(list.row(3)?.value).toBe(9);
    expect(list.version.value).toBe(version + 1);
  });

  it("keeps the old rows until the answer to a new query arrives", async () => {
    const list = new PagedList(new Server(300).load, (row) => row.id);
    list.need(0, 10);
    await settled();
    const found = new Server(2, 7);
    list.restart(found.load);
    expect(list.outdated.value).toBe(true);
    expect(list.row(0)?.value).toBe(0);
    await settled();
    expect(list.outdated.value).toBe(false);
    expect([list.total.value, list.row(0)?.value, list.row(5)]).toEqual([2, 7, undefined]);
  });

  it("forgets removed rows when the list becomes shorter", async () => {
    const server = new Server(300);
    const list = new PagedList(server.load, (row) => row.id);
    list.need(0, 10);
    await settled();
    server.total = 5;
    list.refresh();
    await settled();
    expect([list.total.value, list.row(50)]).toEqual([5, undefined]);
  });

  it("reports a failure and can be reloaded", async () => {
    const server = new Server(5);
    server.failing = new Failure(503, "Busy");
    const list = new PagedList(server.load, (row) => row.id);
    list.need(0, 10);
    await settled();
    expect(list.failure.value?.status).toBe(503);
    server.failing = undefined;
    list.refresh();
    await settled();
    expect([list.failure.value, list.total.value]).toEqual([undefined, 5]);
  });

  it("leaves an ended session to the login", async () => {
    const server = new Server(5);
    server.failing = new Failure(401, "Unauthorized");
    const list = new PagedList(server.load, (row) => row.id);
    list.need(0, 10);
    await settled();
    expect(list.failure.value).toBeUndefined();
  });
});

describe("a change while an answer is pending", () => {
  it("is not undone by an older answer", async () => {
    const list = new PagedList(new Server(300).load, (row) => row.id);
    list.need(0, 10);
    list.update([{ id: "c3", value: 9 }]);
    await settled();
    expect(list.row(3)?.value).toBe(9);
  });

  it("is not kept for the answer after that one", async () => {
    const server = new Server(300);
    const list = new PagedList(server.load, (row) => row.id);
    list.need(0, 10);
    list.update([{ id: "c3", value: 9 }]);
    await settled();
    server.mark = 12;
    list.refresh();
    await settled();
    expect(list.row(3)?.value).toBe(12);
  });
});

describe("a throttled call", () => {
  it("is made at once, then rarely, and the last one always", () => {
    vi.useFakeTimers();
    const made: number[] = [];
    const call = throttled((value: number) => made.push(value), 80);
    for (const value of [1, 2, 3]) call(value);
    expect(made).toEqual([1]);
    vi.advanceTimersByTime(80);
    expect(made).toEqual([1, 3]);
    call(4);
    call.cancel();
    vi.advanceTimersByTime(500);
    expect(made).toEqual([1, 3]);
    vi.useRealTimers();
  });
});
