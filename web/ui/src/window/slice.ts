// The rows of a long list to draw: those on the screen and a few around them. Pure.

export interface Viewport {
  /** Pixels of the list above the upper edge of the screen; negative while the list begins further down. */
  above: number;
  /** Pixels of the screen. */
  height: number;
}

export interface Slice {
  /** Rows [first, end). */
  first: number;
  end: number;
  /** Pixels of empty space in place of the rows before and after. */
  before: number;
  after: number;
}

/** `rowHeight` > 0 pixels, the same for all `count` rows; `spare` rows are drawn beyond each edge. */
export function sliceOf(count: number, rowHeight: number, viewport: Viewport, spare = 8): Slice {
  const top = Math.max(0, viewport.above);
  const bottom = Math.max(0, viewport.above + viewport.height);
  // Slices begin at even rows, so that stripes and keys stay stable while the list scrolls.
  const first = Math.min(count, Math.max(0, Math.floor(top / rowHeight) - spare)) & ~1;
  const end = Math.max(first, Math.min(count, Math.ceil(bottom / rowHeight) + spare));
  return { first, end, before: first * rowHeight, after: (count - end) * rowHeight };
}
