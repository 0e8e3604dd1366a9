// Changes by the user of this page. They are locked until it shows its password again.
import { computed, signal } from "@preact/signals";

import { api, Failure } from "../api/client";
import { access, session } from "./session";

export const mayChange = computed(() => session.value?.may_change === true);
export const isOperator = computed(() => session.value?.role === "operator");
/** A reseller suspends its customers, and enables their devices. */
export const mayManage = computed(() => isOperator.value || session.value?.role === "reseller");

/** While the password is asked for: what goes on then. */
export const asking = signal<((unlocked: boolean) => void) | undefined>(undefined);

/** Throws Failure. */
export async function unlock(password: string): Promise<void> {
  access.value = { kind: "in", session: await api.unlock(password) };
  asking.value?.(true);
}

export function giveUp(): void {
  asking.value?.(false);
}

/** Asks for the password where that is needed. Nothing: the user gave up. Throws Failure. */
export async function changing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 423) throw error;
  }
  const unlocked = await new Promise<boolean>((resolve) => (asking.value = resolve));
  asking.value = undefined;
  return unlocked ? await work() : undefined;
}
