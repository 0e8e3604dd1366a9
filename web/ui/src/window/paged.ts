// A long list, of which only the pages in view are loaded.
import { batch, signal } from "@preact/signals";

import { Failure } from "../api/client";

export interface Page<T> {
  items: T[];
  total: number;
}

export const pageRows = 100;

export class PagedList<T> {
  /** Rows in all; undefined until the first answer. */
  readonly total = signal<number | undefined>(undefined);
  /** Increases whenever a row changes. */
  readonly version = signal(0);
  readonly failure = signal<Failure | undefined>(undefined);
  /** The rows belong to the previous query; the answer to the current one is pending. */
  readonly outdated = signal(false);

  private rows: (T | undefined)[] = [];
  private places = new Map<string, number>();
  private requests = new Map<number, AbortController>();
  private range: [number, number] = [0, pageRows];
  private pending = 0;
  /** Rows that changed while an answer was pending, which may be older. */
  private late = new Map<string, T>();

  constructor(
    private load: (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>,
    private readonly keyOf: (row: T) => string,
  ) {}

  row(index: number): T | undefined {
    return this.rows[index];
  }

  /** Rows [first, end) are on the screen: loads those that are missing. */
  need(first: number, end: number): void {
    this.range = [first, Math.max(end, first + 1)];
    if (this.total.value === undefined || this.outdated.value) return this.request(0);
    for (let page = Math.floor(first / pageRows); page * pageRows < end; page += 1) this.request(page);
  }

  /** A new query: the old rows stay until its first answer. */
  restart(load?: (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>): void {
    if (load) this.load = load;
    for (const request of this.requests.values()) request.abort();
    this.requests.clear();
    this.outdated.value = this.total.value !== undefined;
    this.request(0);
  }

  /** Repeats the query for the rows on the screen; the others are loaded again when they come into view. */
  refresh(): void {
    for (const request of this.requests.values()) request.abort();
    this.requests.clear();
    this.need(...this.range);
  }

  /** Updates rows that changed, wherever they are in the list; ignores rows that are not loaded. */
  update(changed: readonly T[]): void {
    let any = false;
    for (const row of changed) {
      if (this.pending > 0) this.late.set(this.keyOf(row), row);
      const place = this.places.get(this.keyOf(row));
      if (place === undefined) continue;
      this.rows[place] = row;
      any = true;
    }
    if (any) this.version.value += 1;
  }

  private request(page: number): void {
    if (this.requests.has(page)) return;
    const request = new AbortController();
    this.requests.set(page, request);
    this.pending += 1;
    this.load(page * pageRows, pageRows, request.signal).then(
      (answer) => {
        this.landed();
        if (!request.signal.aborted) this.store(page, answer);
      },
      (error: unknown) => {
        this.landed();
        if (request.signal.aborted) return;
        this.requests.delete(page);
        if (!(error instanceof Failure)) throw error;
        if (error.status !== 401) this.failure.value = error;
      },
    );
  }

  private store(page: number, answer: Page<T>): void {
    batch(() => {
      if (this.outdated.value) this.forget();
      if (this.rows.length > answer.total) this.rows.length = answer.total;
      answer.items.forEach((row, index) => {
        this.rows[page * pageRows + index] = this.late.get(this.keyOf(row)) ?? row;
        this.places.set(this.keyOf(row), page * pageRows + index);
      });
      this.total.value = answer.total;
      this.failure.value = undefined;
      this.version.value += 1;
    });
    if (this.pending === 0) this.late.clear();
    this.need(...this.range);
  }

  private landed(): void {
    this.pending -= 1;
  }

  private forget(): void {
    this.rows = [];
    this.places.clear();
    this.outdated.value = false;
  }
}
