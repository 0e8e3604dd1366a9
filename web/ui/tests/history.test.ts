import { describe, expect, it } from "vitest";

import type { Event } from "../src/api/types";
import { sentenceOf } from "../src/state/announce";
import { shareOf, stretchesOf, withNews } from "../src/state/history";

const at = (minute: number) => new Date(minute * 60_000).toISOString();
const event = (id: number, minute: number, kind: Event["kind"], from: string | null = null): Event => ({
  id,
  at: at(minute),
  kind,
  customer: "acme",
  peer: "linz",
  connection: null,
  sentence: `sentence ${id}`,
  reason: null,
  from,
  to: kind,
});
const minutes = (stretches: ReturnType<typeof stretchesOf>) =>
  stretches.map((one) => [one.state, one.from / 60_000, one.to / 60_000, ...(one.before ? ["before"] : [])]);

describe("the history of a peer's state", () => {
  it("follows from the events, newest first", () => {
    const events = [event(3, 50, "online", "idle"), event(2, 45, "roamed"), event(1, 30, "idle", "online")];
    expect(minutes(stretchesOf(events, "online", at(50), 0, 60 * 60_000))).toEqual([
      ["online", 0, 30, "before"],
      ["idle", 30, 50],
      ["online", 50, 60],
    ]);
  });

  it("leaves unrecorded time unknown", () => {
    expect(minutes(stretchesOf([], "idle", at(20), 0, 60 * 60_000))).toEqual([
      [undefined, 0, 20],
      ["idle", 20, 60],
    ]);
    expect(minutes(stretchesOf([event(1, 40, "online")], "online", at(40), 0, 60 * 60_000))).toEqual([
      [undefined, 0, 40],
      ["online", 40, 60],
    ]);
  });

  it("covers only the requested time", () => {
    const events = [event(2, 50, "idle", "online"), event(1, 10, "online", "never")];
    expect(minutes(stretchesOf(events, "idle", at(50), 20 * 60_000, 60 * 60_000))).toEqual([
      ["online", 20, 50],
      ["idle", 50, 60],
    ]);
  });

  it("gives the share of the recorded time", () => {
    const events = [event(2, 40, "idle", "online"), event(1, 20, "online", "idle")];
    const stretches = stretchesOf(events, "idle", at(40), 0, 60 * 60_000);
    expect(stretches[0]).toMatchObject({ state: "idle", before: true });
    expect(shareOf(stretches, "online")).toBe(0.5);
    expect(
      shareOf(
        stretchesOf([], "idle", null, 0, 1).map((one) => ({ ...one, state: undefined })),
        "idle",
      ),
    ).toBeUndefined();
  });
});

describe("events from the stream", () => {
  it("are added first, without duplicates, within a bound", () => {
    const here = [event(5, 5, "idle"), event(4, 4, "online")];
    const merged = withNews(here, [event(5, 5, "idle"), event(6, 6, "online"), event(7, 7, "idle")], 3);
    expect(merged.map((one) => one.id)).toEqual([7, 6, 5]);
    expect(withNews(here, [event(3, 3, "idle")], 3)).toBe(here);
  });

  it("are announced together", () => {
    expect(sentenceOf([event(1, 1, "idle")])).toBe("acme, linz: sentence 1");
    expect(sentenceOf([event(1, 1, "idle"), event(2, 2, "online")])).toBe(
      "2 changes. The latest: acme, linz: sentence 2",
    );
  });
});
