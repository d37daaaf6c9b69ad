/** Milliseconds between two reports of progress. */
const REPORT_MILLISECONDS = 200;

/** Returns a function that says whether progress is due to be reported: the first time, and then five times a second. */
export function reportPace(): () => boolean {
  let latest = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - latest < REPORT_MILLISECONDS) return false;
    latest = now;
    return true;
  };
}
