// Sorting on a phone, where there are no column heads.
import { useId } from "preact/hooks";

import type { Column, Sorting } from "./table";

export function SortSelect<T>({
  columns,
  sorting,
  onSort,
}: {
  columns: readonly Column<T>[];
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
}) {
  const id = useId();
  return (
    <div class="sort-select">
      <label class="visually-hidden" for={id}>
        Sort by
      </label>
      <select
        id={id}
        class="field"
        value={sorting.by}
        onChange={(event) => {
          const column = columns.find((one) => one.sort === event.currentTarget.value);
          if (column?.sort !== undefined) onSort({ by: column.sort, order: column.descending ? "desc" : "asc" });
        }}
      >
        {columns
          .filter((column) => column.sort !== undefined)
          .map((column) => (
            <option key={column.key} value={column.sort}>
              By {column.title.toLowerCase()}
            </option>
          ))}
      </select>
    </div>
  );
}
