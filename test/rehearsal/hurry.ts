// Shortens the times in the shipped alert rules, so that a rehearsal takes minutes.

const secondsOf = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/**
 * Divides the times after `for:` and `keep_firing_for:`, the ranges such as `[5m]` and the offsets
 * by `factor`. Each is at least 1 s afterwards. Thresholds do not change.
 */
export function hurryRules(rules: string, factor: number): string {
  return rules.replace(
    /(\b(?:keep_firing_)?for: |\[|\boffset )(\d+)([smhd])\b/g,
    (_whole, before: string, count: string, unit: keyof typeof secondsOf) =>
      `${before}${Math.max(1, Math.round((Number(count) * secondsOf[unit]) / factor))}s`,
  );
}
