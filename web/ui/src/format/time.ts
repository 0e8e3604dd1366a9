// Times: relative for people, ISO 8601 otherwise. All instants are milliseconds since 1970.

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** A length of time in its two largest units: "3 d 4 h", "12 min", "8 s". */
export function spanText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < minute) return `${whole} s`;
  if (whole < hour) return `${Math.floor(whole / minute)} min`;
  const [large, small, names] =
    whole < day ? ([hour, minute, ["h", "min"]] as const) : ([day, hour, ["d", "h"]] as const);
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)} ${names[0]}${rest > 0 ? ` ${rest} ${names[1]}` : ""}`;
}

/** "just now", "42 s ago", "in 3 h". */
export function relativeText(then: number, now: number): string {
  const seconds = Math.round((now - then) / 1000);
  if (seconds >= 0 && seconds < 5) return "just now";
  return seconds < 0 ? `in ${spanText(-seconds)}` : `${spanText(seconds)} ago`;
}

/** "2026-11-03T14:05:09Z": for programs. */
export function isoText(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

/** "2026-11-03 15:05:09 +01:00": the reader's local time, as everywhere on the page. */
export function localText(at: number): string {
  const offset = -new Date(at).getTimezoneOffset();
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map(twoDigits);
  return `${dayKey(at)} ${clockText(at)} ${offset < 0 ? "-" : "+"}${hours}:${minutes}`;
}

/** The reader's local time of day: "14:05:09". */
export function clockText(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
}

/** A point of a chart that shows `reach` seconds: with the date if that is more than a day. */
export function momentText(at: number, reach: number): string {
  return reach > day ? `${dayKey(at)} ${clockText(at).slice(0, 5)}` : clockText(at);
}

function twoDigits(part: number): string {
  return part.toString().padStart(2, "0");
}

/** "Today", "Yesterday", or "2026-11-03", in the reader's time zone. */
export function dayText(at: number, now: number): string {
  const key = dayKey(at);
  if (key === dayKey(now)) return "Today";
  if (key === dayKey(now - day * 1000)) return "Yesterday";
  return key;
}

function dayKey(at: number): string {
  const date = new Date(at);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join("-");
}
