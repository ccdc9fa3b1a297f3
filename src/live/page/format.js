// Figures in words. What is unknown is a dash, never 0.

export const UNKNOWN = "–";

const formats = new Map();
function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en-US", options));
  return formats.get(key);
}

/** Dollars: small amounts with more digits. */
export function usd(value) {
  if (value === null || value === undefined) return UNKNOWN;
  const size = Math.abs(value);
  const digits = size === 0 || size >= 1 ? 2 : size >= 0.01 ? 3 : 5;
  return format({ style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: digits }).format(value);
}

/** Dollars of a column, all with as many digits as the largest of them asks for. */
export function column(values) {
  const digits = Math.max(0, ...values.map((value) => value ?? 0)) >= 1 ? 2 : 4;
  const shown = format({ style: "currency", currency: "USD", minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (value) => (value === null ? UNKNOWN : shown.format(value));
}

export function count(value) {
  return value === null || value === undefined ? UNKNOWN : format({ maximumFractionDigits: 0 }).format(value);
}

/** Thousands and millions with three digits. */
export function short(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return format({ notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

export function percent(share, digits = 1) {
  if (share === null || share === undefined) return UNKNOWN;
  return format({ style: "percent", maximumFractionDigits: digits }).format(share);
}

export function duration(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${format({ maximumSignificantDigits: 3 }).format(ms / 1000)} s`;
  return `${Math.floor(ms / 60_000)}m ${String(Math.round((ms % 60_000) / 1000)).padStart(2, "0")}s`;
}

/** Seconds with one digit, to stand below each other. */
export function seconds(ms) {
  if (ms === null || ms >= 600_000) return duration(ms);
  return `${format({ minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(ms / 1000)} s`;
}

/** Hours and minutes. */
export function span(ms) {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  return minutes < 60 ? `${minutes}m` : `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

const PATTERNS = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
  moment: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
};
const times = new Map();

/** A time in a zone, as one of the patterns. */
export function at(time, pattern, zone) {
  if (time === null || time === undefined) return UNKNOWN;
  const key = `${pattern} ${zone}`;
  if (!times.has(key)) times.set(key, new Intl.DateTimeFormat("en-GB", { ...PATTERNS[pattern], timeZone: zone }));
  return times.get(key).format(new Date(time));
}

/** The end of a path says most. */
export function tail(path, most = 34) {
  return path.length <= most ? path : `…${path.slice(1 - most)}`;
}
