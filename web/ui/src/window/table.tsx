// A table that draws only the rows on the screen: cards on a phone, rows elsewhere, always a table to screen readers.
import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";

import { Hint } from "../parts/hint";
import { narrow } from "../state/screen";
import type { PagedList } from "./paged";
import { sliceOf } from "./slice";
import { throttled } from "./throttle";
import { useViewport } from "./viewport";

const ahead = 40; // rows loaded before they come into view
const askMilliseconds = 80;

export interface Column<T> {
  key: string;
  title: string;
  hint?: string;
  number?: boolean;
  /** The API's name for sorting by it. */
  sort?: string;
  /** The first press sorts in descending order. */
  descending?: boolean;
  cell: (row: T) => ComponentChildren;
}

export interface Sorting {
  by: string;
  order: "asc" | "desc";
}

interface Props<T> {
  label: string;
  /** A class for the stylesheet: widths, and the order within a card. */
  kind: string;
  list: PagedList<T>;
  columns: readonly Column<T>[];
  /** Pixels of each row and of each card. */
  heights: { row: number; card: number };
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
  /** The rows on the screen that are loaded. */
  onSight?: (rows: T[]) => void;
}

export function WindowedTable<T>({ label, kind, list, columns, heights, sorting, onSort, onSight }: Props<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const viewport = useViewport(body);
  const height = narrow.value ? heights.card : heights.row;
  const total = list.total.value ?? 0;
  const version = list.version.value;
  const slice = useComputed(() =>
    sliceOf(list.total.value ?? 0, narrow.value ? heights.card : heights.row, viewport.value),
  );
  const { first, end, before, after } = slice.value;

  // Dragging the scroll bar passes thousands of rows that need not be loaded.
  const need = useMemo(() => throttled((from: number, to: number) => list.need(from, to), askMilliseconds), [list]);
  useEffect(() => need(Math.max(0, first - ahead), Math.min(total, end + ahead)), [need, total, first, end]);
  useEffect(() => need.cancel, [need]);
  useEffect(() => {
    const rows: T[] = [];
    for (let index = first; index < end; index += 1) {
      const row = list.row(index);
      if (row !== undefined) rows.push(row);
    }
    onSight?.(rows);
  }, [list, first, end, version]);
  const table = useRef<HTMLTableElement>(null);
  useLayoutEffect(() => table.current?.style.setProperty("--row-height", `${height}px`), [height]);

  const rows = [];
  for (let index = first; index < end; index += 1)
    rows.push(<Row key={index} index={index} row={list.row(index)} columns={columns} />);
  return (
    <table
      class={`windowed windowed-${kind}${list.outdated.value ? " outdated" : ""}`}
      role="table"
      aria-label={label}
      aria-rowcount={total + 1}
      aria-busy={list.outdated.value}
      ref={table}
    >
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          {columns.map((column) => (
            <Head key={column.key} column={column} sorting={sorting} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body}>
        <Space height={before} />
        {rows}
        <Space height={after} />
      </tbody>
    </table>
  );
}

/** Space in place of the rows that are not drawn. */
function Space({ height }: { height: number }) {
  return <tr class="space" aria-hidden="true" style={{ height: `${height}px` }} />;
}

function Row<T>({ index, row, columns }: { index: number; row: T | undefined; columns: readonly Column<T>[] }) {
  return useMemo(
    () => (
      <tr role="row" aria-rowindex={index + 2} class={index % 2 === 0 ? "even" : undefined}>
        {columns.map((column) => (
          <td key={column.key} role="cell" class={`cell-${column.key}${column.number ? " number" : ""}`}>
            {row === undefined ? <span class="skeleton" /> : column.cell(row)}
          </td>
        ))}
      </tr>
    ),
    [index, row, columns],
  );
}

function Head<T>({
  column,
  sorting,
  onSort,
}: {
  column: Column<T>;
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
}) {
  const by = column.sort;
  const active = by !== undefined && sorting.by === by;
  const press = () => {
    if (by === undefined) return;
    const start = column.descending ? "desc" : "asc";
    const other = start === "asc" ? "desc" : "asc";
    onSort({ by, order: active && sorting.order === start ? other : start });
  };
  const sorted = active ? (sorting.order === "asc" ? "ascending" : "descending") : undefined;
  return (
    <th
      role="columnheader"
      scope="col"
      aria-sort={sorted}
      class={`cell-${column.key}${column.number ? " number" : ""}`}
    >
      <span class="head">
        {by === undefined ? (
          column.title
        ) : (
          <button type="button" class="sort" onClick={press}>
            {column.title}
            <span class="sort-sign" aria-hidden="true">
              {active ? (sorting.order === "asc" ? "▲" : "▼") : ""}
            </span>
          </button>
        )}
        {column.hint && <Hint about={column.title} text={column.hint} />}
      </span>
    </th>
  );
}
