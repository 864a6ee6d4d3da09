// Formats sizes, ages and times for people.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

export function bytes(value: string | number | undefined): string {
  let size = Number(value ?? 0);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${size.toFixed(digits)} ${units[unit]}`;
}

export function count(value: string | number): string {
  return Number(value).toLocaleString("en-US");
}

export function age(time: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function dateTime(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "-";
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function clockTime(time: string): string {
  return dateTime(time).slice(11);
}

/** Returns the name of a constant of the API without its prefix, as errors and logs write it. */
export function constant(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** Returns a constant such as `EVENT_TYPE_CREATED` as a word such as `created`. */
export function word(constant: string, prefix: string): string {
  return constant.replace(prefix, "").toLowerCase().replaceAll("_", " ");
}

export function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(100, (part / whole) * 100);
}
