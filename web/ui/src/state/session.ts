// The login of this page.
import { computed, signal } from "@preact/signals";

import { api, Failure, onUnauthorized } from "../api/client";
import type { Session } from "../api/types";

export type Access =
  | { kind: "asking" }
  | { kind: "none" }
  | { kind: "in"; session: Session }
  /** It ended while the page was open: the screen stays as it is. */
  | { kind: "ended"; session: Session }
  | { kind: "unreachable"; failure: Failure };

export const access = signal<Access>({ kind: "asking" });
export const session = computed(() =>
  access.value.kind === "in" || access.value.kind === "ended" ? access.value.session : undefined,
);
/** Whether this login sees the whole appliance, or only its own customers. */
export const seesAll = computed(
  () => session.value !== undefined && session.value.role !== "customer" && session.value.role !== "reseller",
);

export async function findSession(): Promise<void> {
  try {
    access.value = { kind: "in", session: await api.session() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // A login stays valid in the page: the stream shows that the server is unreachable.
    if (error.status !== 401 && session.value === undefined) access.value = { kind: "unreachable", failure: error };
  }
}

/** Throws Failure. */
export async function login(user: string, password: string): Promise<void> {
  const before = session.value;
  const next = await api.login(user, password);
  // Another user must not see the previous user's screen.
  if (before !== undefined && (before.user !== next.user || before.role !== next.role)) location.reload();
  access.value = { kind: "in", session: next };
}

export async function logout(): Promise<void> {
  await api.logout().catch(() => {}); // on failure the session is over or will expire
  location.hash = "#/";
  access.value = { kind: "none" };
}

export function startSession(): Promise<void> {
  onUnauthorized(() => {
    const current = session.value;
    access.value = current === undefined ? { kind: "none" } : { kind: "ended", session: current };
  });
  return findSession();
}
