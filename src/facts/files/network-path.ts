/**
 * Whether a path names another computer (`\\host\share`, `//host/share`) or a device (`\\.\pipe\x`). On Windows merely looking
 * at such a path connects to that computer and hands it the user's credentials, so paths that come from a file are not touched
 * unasked. On other systems no path of ours begins with two slashes.
 */
export function isNetworkPath(path: string): boolean {
  return /^[\\/]{2}/.test(path) || path.startsWith("\\??\\");
}

/** The computer that a network path names, in lower case: `\\NAS\data\a.tif` -> `nas`. Empty for other paths. */
export function networkHost(path: string): string {
  return isNetworkPath(path) ? (path.split(/[\\/]+/)[1] ?? "").toLowerCase() : "";
}
