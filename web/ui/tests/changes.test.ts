import { afterEach, describe, expect, it, vi } from "vitest";

import { Failure } from "../src/api/client";
import { base64Of, newKeyPair, placeholder, profileOf } from "../src/format/device_key";
import { asking, changing, giveUp } from "../src/state/changes";

describe("a device's key", () => {
  it("is base64 as WireGuard has it", () => {
    expect(base64Of("-_8")).toBe("+/8=");
    expect(base64Of("AAAA")).toBe("AAAA");
  });

  it("is nothing where the browser cannot make one", async () => {
    vi.stubGlobal("crypto", { subtle: { generateKey: () => Promise.reject(new Error("not supported")) } });
    expect(await newKeyPair()).toBeUndefined();
    vi.unstubAllGlobals();
  });

  it("takes the place that the profile has for it", () => {
    expect(profileOf(`PrivateKey = ${placeholder}\n`, "abc=")).toBe("PrivateKey = abc=\n");
  });
});

describe("a change", () => {
  afterEach(() => (asking.value = undefined));
  const locked = () => Promise.reject(new Failure(423, "Locked"));

  it("goes on after the password was shown", async () => {
    let calls = 0;
    const done = changing(() => (++calls === 1 ? locked() : Promise.resolve("done")));
    await vi.waitFor(() => expect(asking.value).toBeDefined());
    asking.value?.(true);
    expect(await done).toBe("done");
    expect(asking.value).toBeUndefined();
  });

  it("is nothing when the user gives up", async () => {
    const done = changing(locked);
    await vi.waitFor(() => expect(asking.value).toBeDefined());
    giveUp();
    expect(await done).toBeUndefined();
  });

  it("says what else is wrong", async () => {
    await expect(changing(() => Promise.reject(new Failure(409, "there is one")))).rejects.toThrow("there is one");
  });
});
