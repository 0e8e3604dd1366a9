// Numbers for people: volumes in KiB to PiB, as in vpnctl; rates in bits per second.

const volumes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const rates = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"] as const;

function scaled(amount: number, step: number, units: readonly string[]): string {
  let unit = 0;
  while (amount >= step && unit + 1 < units.length) {
    amount /= step;
    unit += 1;
  }
  return `${digits(amount, unit === 0)} ${units[unit]}`;
}

/** Three significant digits, and no decimals for whole units. */
function digits(amount: number, whole: boolean): string {
  if (whole || amount >= 100) return Math.round(amount).toString();
  return amount.toFixed(amount >= 10 ? 1 : 2);
}

/** `bytes` >= 0. */
export function bytesText(bytes: number): string {
  return scaled(bytes, 1024, volumes);
}

/** `bytesPerSecond` >= 0, shown in bits. */
export function rateText(bytesPerSecond: number): string {
  return scaled(bytesPerSecond * 8, 1000, rates);
}

/** `bitsPerSecond` >= 0. */
export function bitsText(bitsPerSecond: number): string {
  return rateText(bitsPerSecond / 8);
}

const grouped = new Intl.NumberFormat("en-GB");

export function countText(count: number): string {
  return grouped.format(count);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** A share of 1 as "42 %"; a share above zero is never "0 %". */
export function shareText(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 1) return "< 1 %";
  return `${Math.round(percent)} %`;
}
