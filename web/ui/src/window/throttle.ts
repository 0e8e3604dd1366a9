// Limits the rate of a call: the first is made at once, and the last one always.

export function throttled<A extends unknown[]>(
  call: (...args: A) => void,
  milliseconds: number,
): ((...args: A) => void) & { cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: A | undefined;
  const rest = () => {
    timer = undefined;
    if (waiting === undefined) return;
    const args = waiting;
    waiting = undefined;
    run(...args);
  };
  const run = (...args: A) => {
    if (timer !== undefined) {
      waiting = args;
      return;
    }
    timer = setTimeout(rest, milliseconds);
    call(...args);
  };
  const cancel = () => {
    clearTimeout(timer);
    timer = undefined;
    waiting = undefined;
  };
  return Object.assign(run, { cancel });
}
