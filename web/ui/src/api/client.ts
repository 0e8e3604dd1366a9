// The API of statusd as functions. Every error is a Failure; a 401 also ends the session.
import type {
  About,
  ConnectionDetail,
  ConnectionPage,
  CustomerDetail,
  CustomerPage,
  Done,
  EventList,
  FoundList,
  NewDevice,
  OutageList,
  Overview,
  Peer,
  PeerPage,
  Problem,
  RevisionDetail,
  RevisionPage,
  Session,
  Soon,
  StackNow,
  System,
  Timeseries,
} from "./types";

/** A failed request. `status` 0: no answer from the server. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Seconds to wait before the next attempt, from Retry-After; 0: none. */
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | undefined>;

const base = "/api/v1";
let unauthorized: () => void = () => {};

/** `callback` runs on every 401 except that of a login. */
export function onUnauthorized(callback: () => void): void {
  unauthorized = callback;
}

export function pathOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return `${base}${path}${text === "" ? "" : `?${text}`}`;
}

/** Throws Failure, or the error of the abort. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Failure(0, "The appliance does not answer.");
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && !path.endsWith("/login")) unauthorized();
  throw await failureOf(answer);
}

async function failureOf(answer: Response): Promise<Failure> {
  const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  return new Failure(
    answer.status,
    problem.detail ?? problem.title ?? `The server answered ${answer.status}.`,
    retryAfter,
  );
}

async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const answer = await request(pathOf(path, query), {
    headers: { Accept: "application/json" },
    ...(signal && { signal }),
  });
  return (await answer.json()) as T;
}

async function post<T>(path: string, body: object): Promise<T> {
  const answer = await request(pathOf(path), {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as T;
}

const id = encodeURIComponent;

export const api = {
  about: (signal?: AbortSignal) => get<About>("/about", {}, signal),
  session: () => get<Session>("/session"),
  overview: (signal?: AbortSignal) => get<Overview>("/overview", {}, signal),
  system: (signal?: AbortSignal) => get<System>("/system", {}, signal),
  customers: (query: Query, signal?: AbortSignal) => get<CustomerPage>("/customers", query, signal),
  customer: (customer: string, signal?: AbortSignal) => get<CustomerDetail>(`/customers/${id(customer)}`, {}, signal),
  peers: (customer: string, query: Query, signal?: AbortSignal) =>
    get<PeerPage>(`/customers/${id(customer)}/peers`, query, signal),
  peer: (customer: string, peer: string, signal?: AbortSignal) =>
    get<Peer>(`/customers/${id(customer)}/peers/${id(peer)}`, {}, signal),
  connections: (customer: string, query: Query, signal?: AbortSignal) =>
    get<ConnectionPage>(`/customers/${id(customer)}/connections`, query, signal),
  connection: (customer: string, connection: string, signal?: AbortSignal) =>
    get<ConnectionDetail>(`/customers/${id(customer)}/connections/${id(connection)}`, {}, signal),
  events: (query: Query, signal?: AbortSignal) => get<EventList>("/events", query, signal),

  outages: (customer: string, query: Query, signal?: AbortSignal) =>
    get<OutageList>(`/customers/${id(customer)}/outages`, query, signal),
  /** `customer` "": of all that the viewer may see. */
  revisions: (customer: string, query: Query, signal?: AbortSignal) =>
    get<RevisionPage>(customer === "" ? "/revisions" : `/customers/${id(customer)}/revisions`, query, signal),
  revision: (revision: number, signal?: AbortSignal) => get<RevisionDetail>(`/revisions/${revision}`, {}, signal),
  stack: (customer: string, signal?: AbortSignal) => get<StackNow>(`/customers/${id(customer)}/stack`, {}, signal),
  soon: (signal?: AbortSignal) => get<Soon>("/soon", {}, signal),
  find: (text: string, signal?: AbortSignal) => get<FoundList>("/find", { text }, signal),

  /** `subject`: {} = all customers together. A word: what is kept on disk, of customers and of all. */
  timeseries(
    subject: { customer?: string; peer?: string; connection?: string },
    step: 2 | 60 | 1800 | "hour" | "day" | "week" | "month",
    signal?: AbortSignal,
  ): Promise<Timeseries> {
    const customer = subject.customer === undefined ? "" : `/customers/${id(subject.customer)}`;
    const peer = subject.peer === undefined ? "" : `/peers/${id(subject.peer)}`;
    const connection = subject.connection === undefined ? "" : `/connections/${id(subject.connection)}`;
    const query: Query = typeof step === "number" ? { step } : { range: step };
    return get<Timeseries>(`${customer}${peer}${connection}/timeseries`, query, signal);
  },

  async unlock(password: string): Promise<Session> {
    return post<Session>("/unlock", { password });
  },
  addDevice: (customer: string, device: NewDevice) => post<Done>(`/customers/${id(customer)}/devices`, device),
  suspend: (customer: string) => post<Done>(`/customers/${id(customer)}/suspend`, {}),
  resume: (customer: string) => post<Done>(`/customers/${id(customer)}/resume`, {}),
  enable: (customer: string, peer: string) => post<Done>(`/customers/${id(customer)}/peers/${id(peer)}/enable`, {}),
  disable: (customer: string, peer: string) => post<Done>(`/customers/${id(customer)}/peers/${id(peer)}/disable`, {}),
  confirm: (revision: number) => post<Done>("/pending/confirm", { revision }),
  goBack: (revision: number) => post<Done>("/pending/go-back", { revision }),

  async login(user: string, password: string): Promise<Session> {
    const body = JSON.stringify({ user, password });
    const answer = await request(pathOf("/login"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
    });
    return (await answer.json()) as Session;
  },

  async logout(): Promise<void> {
    await request(pathOf("/logout"), { method: "POST" });
  },
};
