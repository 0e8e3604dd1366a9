// A long list of which only the pages that were looked at are here.
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
  /** Grows whenever a row changed. */
  readonly version = signal(0);
  readonly failure = signal<Failure | undefined>(undefined);
  /** What is shown belongs to an earlier question; the answer to the present one is on its way. */
  readonly outdated = signal(false);

  private rows: (T | undefined)[] = [];
  private places = new Map<string, number>();
  private asked = new Map<number, AbortController>();
  private range: [number, number] = [0, pageRows];
  private flying = 0;
  /** What changed while an answer was on its way, which may be from before. */
  private late = new Map<string, T>();

  constructor(
    private load: (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>,
    private readonly keyOf: (row: T) => string,
  ) {}

  row(index: number): T | undefined {
    return this.rows[index];
  }

  /** Rows [first, end) are on the screen: asks for those that are not here. */
  need(first: number, end: number): void {
    this.range = [first, Math.max(end, first + 1)];
    if (this.total.value === undefined || this.outdated.value) return this.ask(0);
    for (let page = Math.floor(first / pageRows); page * pageRows < end; page += 1) this.ask(page);
  }

  /** Another question: the old rows stay until the first answer to it. */
  restart(load?: (offset: number, limit: number, signal: AbortSignal) => Promise<Page<T>>): void {
    if (load) this.load = load;
    for (const request of this.asked.values()) request.abort();
    this.asked.clear();
    this.outdated.value = this.total.value !== undefined;
    this.ask(0);
  }

  /** The same question again, for the rows on the screen; the others are forgotten and asked for when they come into sight. */
  refresh(): void {
    for (const request of this.asked.values()) request.abort();
    this.asked.clear();
    this.need(...this.range);
  }

  /** Rows that changed, wherever they are in the list; those that are not here are passed over. */
  update(changed: readonly T[]): void {
    let any = false;
    for (const row of changed) {
      if (this.flying > 0) this.late.set(this.keyOf(row), row);
      const place = this.places.get(this.keyOf(row));
      if (place === undefined) continue;
      this.rows[place] = row;
      any = true;
    }
    if (any) this.version.value += 1;
  }

  private ask(page: number): void {
    if (this.asked.has(page)) return;
    const request = new AbortController();
    this.asked.set(page, request);
    this.flying += 1;
    this.load(page * pageRows, pageRows, request.signal).then(
      (answer) => {
        this.landed();
        if (!request.signal.aborted) this.take(page, answer);
      },
      (error: unknown) => {
        this.landed();
        if (request.signal.aborted) return;
        this.asked.delete(page);
        if (!(error instanceof Failure)) throw error;
        if (error.status !== 401) this.failure.value = error;
      },
    );
  }

  private take(page: number, answer: Page<T>): void {
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
    if (this.flying === 0) this.late.clear();
    this.need(...this.range);
  }

  private landed(): void {
    this.flying -= 1;
  }

  private forget(): void {
    this.rows = [];
    this.places.clear();
    this.outdated.value = false;
  }
}
