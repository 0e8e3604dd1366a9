// How often a page that is in use loads what is not in the stream.

export const refreshMilliseconds = 10_000;

/** Whether that long has passed since it last said so; at first, since this call. */
export function pace(): () => boolean {
  let last = Date.now();
  return () => {
    if (Date.now() - last < refreshMilliseconds) return false;
    last = Date.now();
    return true;
  };
}
